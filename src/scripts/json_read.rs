//! Owns the way of JSON into values for Lua, with the errors that scripts of Redis know.

use hyperion_lua::Values;

use super::cjson::{Choice, Set};
use super::limits::{JSON_DEPTH_MAX, JSON_VALUES_MAX};

/// One thing of a text.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Token {
    ObjectBegin,
    ObjectEnd,
    ArrayBegin,
    ArrayEnd,
    Text,
    Number(f64),
    Boolean(bool),
    Null,
    Colon,
    Comma,
    End,
    /// What stands there is none of these.
    Bad(&'static str),
}

impl Token {
    fn name(self) -> &'static str {
        match self {
            Self::ObjectBegin => "T_OBJ_BEGIN",
            Self::ObjectEnd => "T_OBJ_END",
            Self::ArrayBegin => "T_ARR_BEGIN",
            Self::ArrayEnd => "T_ARR_END",
            Self::Text => "T_STRING",
            Self::Number(_) => "T_NUMBER",
            Self::Boolean(_) => "T_BOOLEAN",
            Self::Null => "T_NULL",
            Self::Colon => "T_COLON",
            Self::Comma => "T_COMMA",
            Self::End => "T_END",
            Self::Bad(what) => what,
        }
    }
}

/// A table that is under way.
struct Open {
    begun: usize,
    count: usize,
    is_object: bool,
}

struct Reading<'t> {
    text: &'t [u8],
    at: usize,
    /// Where the last token stands, or what is wrong with it.
    token_at: usize,
    takes_invalid: bool,
    /// The string that the last token is.
    string: Vec<u8>,
    values: Values,
}

/// The value of a text.
///
/// Errors: what the script is told.
pub(super) fn read(text: &[u8], set: &Set) -> Result<Values, String> {
    if text.len() >= 2 && (text[0] == 0 || text[1] == 0) {
        return Err("JSON parser does not support UTF-16 or UTF-32".to_owned());
    }
    let mut reading = Reading {
        text,
        at: 0,
        token_at: 0,
        takes_invalid: set.decodes_invalid.get() == Choice::On,
        string: Vec::new(),
        values: Values::default(),
    };
    reading.read_all(set.decode_depth_max.get())?;
    Ok(reading.values)
}

impl Reading<'_> {
    fn read_all(&mut self, depth_max: i64) -> Result<(), String> {
        let mut open: Vec<Open> = Vec::new();
        let mut token = self.next();
        loop {
            if self.values.count() > JSON_VALUES_MAX {
                return Err("not enough memory".to_owned());
            }
            if matches!(token, Token::ObjectBegin | Token::ArrayBegin) {
                let is_object = token == Token::ObjectBegin;
                let depth = open.len() + 1;
                let is_too_deep = i64::try_from(depth).is_ok_and(|depth| depth > depth_max);
                if is_too_deep || depth > JSON_DEPTH_MAX {
                    let at = self.at;
                    return Err(format!(
                        "Found too many nested data structures ({depth}) at character {at}"
                    ));
                }
                open.push(Open { begun: self.values.begin(), count: 0, is_object });
                token = self.next();
                let is_empty = token == if is_object { Token::ObjectEnd } else { Token::ArrayEnd };
                if !is_empty {
                    if is_object {
                        token = self.key(token)?;
                    }
                    continue;
                }
                self.end(&mut open);
            } else {
                self.take_single(token)?;
            }
            // A value is whole, and perhaps the tables that it ends.
            loop {
                token = self.next();
                let Some(last) = open.last_mut() else {
                    return match token {
                        Token::End => Ok(()),
                        _ => Err(self.expected("the end", token)),
                    };
                };
                last.count += 1;
                let is_object = last.is_object;
                match token {
                    Token::ObjectEnd if is_object => self.end(&mut open),
                    Token::ArrayEnd if !is_object => self.end(&mut open),
                    Token::Comma => {
                        token = self.next();
                        if is_object {
                            token = self.key(token)?;
                        }
                        break;
                    }
                    _ if is_object => return Err(self.expected("comma or object end", token)),
                    _ => return Err(self.expected("comma or array end", token)),
                }
            }
        }
    }

    /// Takes a key and its colon; gives what follows.
    fn key(&mut self, token: Token) -> Result<Token, String> {
        if token != Token::Text {
            return Err(self.expected("object key string", token));
        }
        self.values.text(&self.string);
        match self.next() {
            Token::Colon => Ok(self.next()),
            token => Err(self.expected("colon", token)),
        }
    }

    fn take_single(&mut self, token: Token) -> Result<(), String> {
        match token {
            Token::Text => self.values.text(&self.string),
            Token::Number(number) => self.values.number(number),
            Token::Boolean(value) => self.values.boolean(value),
            Token::Null => self.values.null(),
            _ => return Err(self.expected("value", token)),
        }
        Ok(())
    }

    /// The table that was opened last is whole.
    fn end(&mut self, open: &mut Vec<Open>) {
        match open.pop() {
            Some(Open { begun, count, is_object: true }) => self.values.end_pairs(begun, count),
            Some(Open { begun, count, .. }) => self.values.end_array(begun, count),
            None => {}
        }
    }

    fn expected(&self, what: &str, found: Token) -> String {
        format!("Expected {what} but found {} at character {}", found.name(), self.token_at + 1)
    }

    /// The byte at a place; a zero is the end, as it is in C.
    fn byte(&self, at: usize) -> u8 {
        self.text.get(at).copied().unwrap_or(0)
    }

    fn next(&mut self) -> Token {
        while matches!(self.byte(self.at), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
        self.token_at = self.at;
        let single = match self.byte(self.at) {
            b'{' => Token::ObjectBegin,
            b'}' => Token::ObjectEnd,
            b'[' => Token::ArrayBegin,
            b']' => Token::ArrayEnd,
            b',' => Token::Comma,
            b':' => Token::Colon,
            0 => return Token::End,
            b'"' => return self.take_string(),
            b'-' | b'0'..=b'9' => {
                if !self.takes_invalid && self.is_invalid_number() {
                    return Token::Bad("invalid number");
                }
                return self.take_number();
            }
            _ => return self.take_word(),
        };
        self.at += 1;
        single
    }

    fn take_word(&mut self) -> Token {
        let rest = &self.text[self.at..];
        let words = [
            ("true", Token::Boolean(true)),
            ("false", Token::Boolean(false)),
            ("null", Token::Null),
        ];
        if let Some((word, token)) =
            words.iter().find(|(word, _)| rest.starts_with(word.as_bytes()))
        {
            self.at += word.len();
            return *token;
        }
        if self.takes_invalid && self.is_invalid_number() {
            return self.take_number();
        }
        Token::Bad("invalid token")
    }

    /// Whether what stands here is a number that JSON has not: with a plus, in hexadecimal, with a zero before others, infinite, or none.
    fn is_invalid_number(&self) -> bool {
        let mut at = self.at;
        match self.byte(at) {
            b'+' => return true,
            b'-' => at += 1,
            _ => {}
        }
        match self.byte(at) {
            b'0' => matches!(self.byte(at + 1), b'x' | b'X' | b'0'..=b'9'),
            byte if byte <= b'9' => false,
            _ => self.is_word(at, b"inf") || self.is_word(at, b"nan"),
        }
    }

    /// Whether these letters stand at a place, whatever their case.
    fn is_word(&self, at: usize, word: &[u8]) -> bool {
        let found = self.text.get(at..at + word.len());
        found.is_some_and(|found| found.eq_ignore_ascii_case(word))
    }

    /// Takes a number as C's `strtod` does.
    fn take_number(&mut self) -> Token {
        let mut at = self.at;
        let is_negative = self.byte(at) == b'-';
        if matches!(self.byte(at), b'-' | b'+') {
            at += 1;
        }
        let found = if self.is_word(at, b"infinity") {
            Some((f64::INFINITY, at + 8))
        } else if self.is_word(at, b"inf") {
            Some((f64::INFINITY, at + 3))
        } else if self.is_word(at, b"nan") {
            Some((f64::NAN, at + 3))
        } else if self.is_word(at, b"0x") {
            // Without digits it is a zero, and something else follows.
            Some(self.hexadecimal(at + 2).unwrap_or((0.0, at + 1)))
        } else {
            self.decimal(at)
        };
        let Some((number, end)) = found else { return Token::Bad("invalid number") };
        self.at = end;
        Token::Number(if is_negative { -number } else { number })
    }

    /// Where the digits at a place end.
    fn digits_end(&self, from: usize) -> usize {
        (from..).find(|&at| !self.byte(at).is_ascii_digit()).unwrap_or(from)
    }

    /// Where an exponent ends that begins with this letter at a place; the place, if there is none.
    fn exponent_end(&self, from: usize, letter: u8) -> usize {
        if !self.byte(from).eq_ignore_ascii_case(&letter) {
            return from;
        }
        let digits = from + 1 + usize::from(matches!(self.byte(from + 1), b'-' | b'+'));
        let end = self.digits_end(digits);
        if end > digits { end } else { from }
    }

    fn decimal(&self, from: usize) -> Option<(f64, usize)> {
        let whole = self.digits_end(from);
        let mut end = whole;
        if self.byte(whole) == b'.' {
            end = self.digits_end(whole + 1);
            if end == from + 1 {
                return None;
            }
        }
        if end == from {
            return None;
        }
        let end = self.exponent_end(end, b'e');
        let number = std::str::from_utf8(&self.text[from..end]).ok()?.parse().ok()?;
        Some((number, end))
    }

    fn hexadecimal(&self, from: usize) -> Option<(f64, usize)> {
        let (mut number, mut digits, mut places, mut at) = (0.0_f64, 0, 0, from);
        let mut is_behind = false;
        loop {
            match char::from(self.byte(at)).to_digit(16) {
                Some(digit) => {
                    number = number.mul_add(16.0, f64::from(digit));
                    digits += 1;
                    places += i32::from(is_behind);
                }
                None if self.byte(at) == b'.' && !is_behind => is_behind = true,
                None => break,
            }
            at += 1;
        }
        if digits == 0 {
            return None;
        }
        let end = self.exponent_end(at, b'p');
        let exponent = std::str::from_utf8(self.text.get(at + 1..end).unwrap_or_default());
        let exponent = exponent.ok().and_then(|it| it.parse::<i32>().ok()).unwrap_or(0);
        let exponent = exponent.saturating_sub(places.saturating_mul(4));
        Some((number * 2_f64.powi(exponent), end))
    }

    fn take_string(&mut self) -> Token {
        self.string.clear();
        let mut at = self.at + 1;
        loop {
            match self.byte(at) {
                b'"' => break,
                0 => {
                    self.token_at = at;
                    return Token::Bad("unexpected end of string");
                }
                b'\\' => match self.take_escape(at) {
                    Ok(end) => at = end,
                    Err(problem) => {
                        self.token_at = at;
                        return Token::Bad(problem);
                    }
                },
                byte => {
                    self.string.push(byte);
                    at += 1;
                }
            }
        }
        self.at = at + 1;
        Token::Text
    }

    /// Takes what a backslash at a place begins; gives where it ends.
    fn take_escape(&mut self, at: usize) -> Result<usize, &'static str> {
        let byte = match self.byte(at + 1) {
            byte @ (b'"' | b'\\' | b'/') => byte,
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let (character, end) = self.unicode(at).ok_or("invalid unicode escape code")?;
                let mut room = [0; 4];
                self.string.extend_from_slice(character.encode_utf8(&mut room).as_bytes());
                return Ok(end);
            }
            _ => return Err("invalid escape code"),
        };
        self.string.push(byte);
        Ok(at + 2)
    }

    /// The character of one escape, or of two that are a pair, and where it ends.
    fn unicode(&self, at: usize) -> Option<(char, usize)> {
        let first = self.four_digits(at)?;
        if !(0xd800..0xe000).contains(&first) {
            return Some((char::from_u32(first)?, at + 6));
        }
        let second = self.four_digits(at + 6)?;
        if first >= 0xdc00 || !(0xdc00..0xe000).contains(&second) {
            return None;
        }
        let character = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        Some((char::from_u32(character)?, at + 12))
    }

    fn four_digits(&self, at: usize) -> Option<u32> {
        let escape = self.text.get(at..at + 6)?;
        let digits = escape.strip_prefix(b"\\u")?;
        digits
            .iter()
            .try_fold(0, |number, &digit| Some(number * 16 + char::from(digit).to_digit(16)?))
    }
}

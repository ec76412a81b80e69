//! Owns libraries of functions: what the first line of one says, and those that a machine has loaded.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use super::limits::{FUNCTIONS_MAX, LOAD_MS_MAX};
use super::machine::{Compiled, Kind, Machine};
use super::registering::{Registered, too_many};

pub(super) const NAME_RULE: &str = "Library names can only contain letters, numbers, or underscores(_) and must be at least one character long";

/// Libraries as the config has them: the code of each by its name.
pub(crate) type Codes = BTreeMap<String, String>;

pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// A library that is loaded.
#[derive(Debug)]
pub(crate) struct Library {
    pub(crate) code: Arc<str>,
    pub(crate) functions: Vec<Registered>,
}

/// All libraries of a machine.
#[derive(Debug)]
pub(crate) struct Libraries {
    machine: Rc<Machine>,
    libraries: BTreeMap<String, Library>,
}

impl Libraries {
    /// A machine without libraries.
    ///
    /// Errors: when there is no memory for it; then the sentence that says so.
    pub(crate) fn new() -> Result<Self, String> {
        let machine =
            Machine::new(Kind::Function).map_err(|error| format!("ERR no Lua machine: {error}"))?;
        Ok(Self { machine: Rc::new(machine), libraries: BTreeMap::new() })
    }

    /// A machine with these.
    pub(crate) fn of(codes: &Codes) -> Result<Self, String> {
        let mut libraries = Self::new()?;
        libraries.follow(codes);
        Ok(libraries)
    }

    pub(crate) fn machine(&self) -> Rc<Machine> {
        Rc::clone(&self.machine)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &Library)> {
        self.libraries.iter()
    }

    /// How many libraries and functions there are.
    pub(crate) fn counts(&self) -> [i64; 2] {
        let functions = self.libraries.values().map(|library| library.functions.len()).sum();
        [self.libraries.len(), functions].map(|count| i64::try_from(count).unwrap_or(i64::MAX))
    }

    /// A function by its name, whatever its case.
    pub(crate) fn find(&self, name: &[u8]) -> Option<(String, Rc<Compiled>)> {
        let mut functions = self.libraries.values().flat_map(|library| &library.functions);
        let found = functions.find(|it| it.name.as_bytes().eq_ignore_ascii_case(name))?;
        let (function, flags) = (found.function.clone(), Some(found.flags));
        Some((found.name.clone(), Rc::new(Compiled { function, flags })))
    }

    /// Has exactly these from now on; one that cannot be loaded is left out, and the log says why.
    pub(crate) fn follow(&mut self, codes: &Codes) {
        self.libraries
            .retain(|name, library| codes.get(name).is_some_and(|it| **it == *library.code));
        for (name, code) in codes {
            if self.libraries.contains_key(name) {
                continue;
            }
            match self.load(code, false) {
                Ok(loaded) if loaded == *name => {}
                Ok(loaded) => {
                    self.libraries.remove(&loaded);
                    tracing::error!(
                        "the library {name} of the config calls itself {loaded}: its functions are not there"
                    );
                }
                Err(problem) => {
                    tracing::error!("the library {name} of the config cannot be loaded: {problem}");
                }
            }
        }
    }

    /// Loads a library; gives its name.
    ///
    /// Errors: what the client is told, without a code; then nothing has changed.
    pub(crate) fn load(&mut self, code: &str, replaces: bool) -> Result<String, String> {
        let (name, text) = parted(code)?;
        if !replaces && self.libraries.contains_key(&name) {
            return Err(format!("Library '{name}' already exists"));
        }
        let functions = self.machine.load(text.into_bytes(), LOAD_MS_MAX)?.functions;
        if functions.is_empty() {
            return Err("No functions registered".to_owned());
        }
        let others = self.libraries.iter().filter(|(other, _)| **other != name);
        let known: usize = others.map(|(_, library)| library.functions.len()).sum();
        if known + functions.len() > FUNCTIONS_MAX {
            return Err(too_many());
        }
        let library = Library { code: code.into(), functions };
        self.refuse_twice(&[(&name, &library)])?;
        self.libraries.insert(name.clone(), library);
        Ok(name)
    }

    /// Errors: a function of these libraries is in another one too, which they do not replace.
    fn refuse_twice(&self, libraries: &[(&String, &Library)]) -> Result<(), String> {
        let replaced = |name: &String| libraries.iter().any(|(known, _)| *known == name);
        let others = self.libraries.iter().filter(|(name, _)| !replaced(name));
        let known: Vec<&str> = others
            .flat_map(|(_, library)| &library.functions)
            .map(|function| function.name.as_str())
            .collect();
        let mut functions = libraries.iter().flat_map(|(_, library)| &library.functions);
        match functions.find(|it| known.iter().any(|name| name.eq_ignore_ascii_case(&it.name))) {
            Some(twice) => Err(format!("Function {} already exists", twice.name)),
            None => Ok(()),
        }
    }
}

/// The name of a library and its code with an empty first line in the place of that which names it.
fn parted(code: &str) -> Result<(String, String), String> {
    let rest = code.strip_prefix("#!").ok_or("Missing library metadata")?;
    let (line, text) = rest.split_once('\n').ok_or("Invalid library metadata")?;
    let words = split_words(line).ok_or("Invalid library metadata")?;
    // The engine stands right behind the mark, or there is none.
    let has_engine = !line.starts_with(|it: char| it.is_ascii_whitespace()) && !words.is_empty();
    let (engine, words) = match words.split_first() {
        Some((engine, rest)) if has_engine => (engine.as_str(), rest),
        _ => ("", words.as_slice()),
    };
    let mut name = None;
    for word in words {
        match word.split_at_checked(5) {
            Some((start, value)) if start.eq_ignore_ascii_case("name=") => {
                if name.replace(value.to_owned()).is_some() {
                    return Err(
                        "Invalid metadata value, name argument was given multiple times".to_owned()
                    );
                }
            }
            _ => return Err(format!("Invalid metadata value given: {word}")),
        }
    }
    let name = name.ok_or("Library name was not given")?;
    if !is_name(&name) {
        return Err(NAME_RULE.to_owned());
    }
    if !engine.eq_ignore_ascii_case("lua") {
        return Err(format!("Engine '{engine}' not found"));
    }
    Ok((name, format!("\n{text}")))
}

/// The words of a line, which may be in quotes as a shell has them. `None`: a quote is not closed.
fn split_words(line: &str) -> Option<Vec<String>> {
    let mut words: Vec<String> = Vec::new();
    let mut characters = line.chars().peekable();
    loop {
        while characters.next_if(char::is_ascii_whitespace).is_some() {}
        if characters.peek().is_none() {
            return Some(words);
        }
        let mut word = String::new();
        while let Some(character) = characters.next_if(|it| !it.is_ascii_whitespace()) {
            if character != '"' && character != '\'' {
                word.push(character);
                continue;
            }
            loop {
                match characters.next()? {
                    end if end == character => break,
                    '\\' => word.push(characters.next()?),
                    other => word.push(other),
                }
            }
            if characters.peek().is_some_and(|it| !it.is_ascii_whitespace()) {
                return None;
            }
        }
        words.push(word);
    }
}

/// What becomes of libraries that are there already when others are restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    /// They stay, and none may have the same name.
    Append,
    /// They go where one has the same name.
    Replace,
    /// They all go.
    Flush,
}

/// Adds a library to those of the config; gives its name.
///
/// Errors: the line that the client is told; then nothing has changed.
pub(crate) fn add(codes: &mut Codes, code: &str, replaces: bool) -> Result<String, String> {
    let mut libraries = Libraries::of(codes)?;
    let name = libraries.load(code, replaces).map_err(|problem| format!("ERR {problem}"))?;
    codes.insert(name.clone(), code.to_owned());
    Ok(name)
}

/// Adds several.
///
/// Errors: the line that the client is told; then nothing has changed.
pub(crate) fn restore(codes: &mut Codes, others: &[String], policy: Policy) -> Result<(), String> {
    let mut restored = Libraries::new()?;
    let mut new = Codes::new();
    for code in others {
        let name = restored.load(code, false).map_err(|problem| format!("ERR {problem}"))?;
        new.insert(name, code.clone());
    }
    if policy == Policy::Flush {
        *codes = new;
        return Ok(());
    }
    if policy == Policy::Append
        && let Some(name) = new.keys().find(|name| codes.contains_key(*name))
    {
        return Err(format!("ERR Library {name} already exists"));
    }
    let pairs: Vec<(&String, &Library)> = restored.iter().collect();
    Libraries::of(codes)?.refuse_twice(&pairs).map_err(|problem| format!("ERR {problem}"))?;
    codes.extend(new);
    Ok(())
}

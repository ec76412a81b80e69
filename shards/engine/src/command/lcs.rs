//! Owns LCS: the longest common subsequence of two strings, by a table of all their beginnings.

use super::context::{Context, integer, is_word};
use super::error::CommandError;
use hyperion_model::number::parse_integer;

type Done = Result<(), CommandError>;

/// What is wanted.
#[derive(Debug, Default)]
struct Options {
    length: bool,
    ranges: bool,
    length_min: usize,
    range_lengths: bool,
}

impl Options {
    fn parse(words: &[&[u8]]) -> Result<Self, CommandError> {
        let mut options = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if is_word(word, "idx") {
                options.ranges = true;
            } else if is_word(word, "len") {
                options.length = true;
            } else if is_word(word, "withmatchlen") {
                options.range_lengths = true;
            } else if is_word(word, "minmatchlen")
                && let Some(least) = words.next()
            {
                let least = parse_integer(least).ok_or(CommandError::NotInteger)?;
                options.length_min = usize::try_from(least).unwrap_or(0);
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(options)
    }
}

/// A stretch of both strings that is the same: where it begins in each, and its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Match {
    first: usize,
    second: usize,
    length: usize,
}

/// Lengths of the subsequences of all beginnings, `[first.len() + 1, second.len() + 1]`.
struct Table {
    cells: Vec<u32>,
    width: usize,
}

impl Table {
    fn new(first: &[u8], second: &[u8]) -> Self {
        let width = second.len() + 1;
        let mut cells = vec![0_u32; (first.len() + 1) * width];
        for (row, byte) in (1..).zip(first) {
            let (above, below) = cells.split_at_mut(row * width);
            let above = &above[(row - 1) * width..];
            let mut left = 0;
            for (column, other) in (1..).zip(second) {
                left = if byte == other { above[column - 1] + 1 } else { left.max(above[column]) };
                below[column] = left;
            }
        }
        Self { cells, width }
    }

    fn at(&self, first: usize, second: usize) -> u32 {
        self.cells[first * self.width + second]
    }

    /// Goes back from the ends of both: the matches, the last one first.
    fn matches(&self, first: &[u8], second: &[u8]) -> Vec<Match> {
        let (mut matches, mut current): (Vec<Match>, Option<Match>) = (Vec::new(), None);
        let (mut row, mut column) = (first.len(), second.len());
        while row > 0 && column > 0 {
            if first[row - 1] == second[column - 1] {
                (row, column) = (row - 1, column - 1);
                let length = current.map_or(0, |it| it.length) + 1;
                current = Some(Match { first: row, second: column, length });
                continue;
            }
            matches.extend(current.take());
            if self.at(row - 1, column) > self.at(row, column - 1) {
                row -= 1;
            } else {
                column -= 1;
            }
        }
        matches.extend(current);
        matches
    }
}

/// `LCS key1 key2 [LEN] [IDX] [MINMATCHLEN length] [WITHMATCHLEN]`
pub(super) fn lcs(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let [first, second] = [string(context, arguments[1])?, string(context, arguments[2])?];
    let options = Options::parse(&arguments[3..])?;
    if options.length && options.ranges {
        return Err(CommandError::LcsBoth);
    }
    let bytes = 4 * (first.len() as u64 + 1) * (second.len() as u64 + 1);
    if bytes > context.value_bytes_max {
        return Err(CommandError::LcsTooLong);
    }
    let table = Table::new(&first, &second);
    let length = i64::from(table.at(first.len(), second.len()));
    if options.length {
        context.reply.integer(length);
        return Ok(());
    }
    let matches = table.matches(&first, &second);
    if !options.ranges {
        let parts = matches.iter().rev();
        let parts = parts.map(|it| &first[it.first..it.first + it.length]);
        context.reply.bulk(&parts.collect::<Vec<_>>().concat());
        return Ok(());
    }
    let is_told = |it: &&Match| it.length >= options.length_min;
    context.reply.map(2);
    context.reply.bulk(b"matches");
    context.reply.array(matches.iter().filter(is_told).count());
    for it in matches.iter().filter(is_told) {
        context.reply.array(2 + usize::from(options.range_lengths));
        for begin in [it.first, it.second] {
            context.reply.array(2);
            context.reply.integer(integer(begin));
            context.reply.integer(integer(begin + it.length - 1));
        }
        if options.range_lengths {
            context.reply.integer(integer(it.length));
        }
    }
    context.reply.bulk(b"len");
    context.reply.integer(length);
    Ok(())
}

/// The string of a key; an absent one is empty.
fn string(context: &mut Context<'_>, bytes: &[u8]) -> Result<Vec<u8>, CommandError> {
    let key = context.key(bytes)?;
    let Some(found) = context.store.find(&key) else { return Ok(Vec::new()) };
    if !context.store.is_string(&found) {
        return Err(CommandError::LcsNotStrings);
    }
    let (value, mut string) = (context.store.value(&found), Vec::new());
    value.copy_range(0, value.len(), &mut string);
    Ok(string)
}

//! Owns replies as the simulated clients take them.

use crate::history::{Answer, Values};
use hyperion_engine::Answer as EngineAnswer;
use hyperion_engine::command::merge;
use hyperion_model::ReplyWriter;

/// One piece of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    Simple(String),
    Error(String),
    Integer(i64),
    Bulk(Vec<u8>),
    Null,
    Array(usize),
    Other,
}

/// Keeps the pieces of one reply.
#[derive(Debug, Default)]
pub(crate) struct Words {
    pub(crate) words: Vec<Word>,
    begun: Vec<u8>,
}

impl ReplyWriter for Words {
    fn simple(&mut self, text: &str) {
        self.words.push(Word::Simple(text.to_owned()));
    }

    fn error(&mut self, text: &str) {
        self.words.push(Word::Error(text.to_owned()));
    }

    fn integer(&mut self, value: i64) {
        self.words.push(Word::Integer(value));
    }

    fn bulk(&mut self, bytes: &[u8]) {
        self.words.push(Word::Bulk(bytes.to_vec()));
    }

    fn bulk_begin(&mut self, _length_bytes: u64) {
        self.begun.clear();
    }

    fn bulk_piece(&mut self, bytes: &[u8], last: bool) {
        self.begun.extend_from_slice(bytes);
        if last {
            self.words.push(Word::Bulk(std::mem::take(&mut self.begun)));
        }
    }

    fn null(&mut self) {
        self.words.push(Word::Null);
    }

    fn null_array(&mut self) {
        self.words.push(Word::Other);
    }

    fn array(&mut self, count: usize) {
        self.words.push(Word::Array(count));
    }

    fn map(&mut self, _count: usize) {
        self.words.push(Word::Other);
    }

    fn set(&mut self, _count: usize) {
        self.words.push(Word::Other);
    }

    fn double(&mut self, _value: f64) {
        self.words.push(Word::Other);
    }

    fn boolean(&mut self, _value: bool) {
        self.words.push(Word::Other);
    }

    fn verbatim(&mut self, _format: &str, _bytes: &[u8]) {
        self.words.push(Word::Other);
    }
}

/// What an engine's later answer says to a client.
pub(crate) fn words_of(answer: EngineAnswer, random: u64) -> Vec<Word> {
    let mut reply = Words::default();
    match answer {
        EngineAnswer::Ok => reply.simple("OK"),
        EngineAnswer::Integer(value) => reply.integer(value),
        EngineAnswer::Values(values) => {
            reply.array(values.len());
            for value in values {
                match value {
                    Some(bytes) => reply.bulk(&bytes),
                    None => reply.null(),
                }
            }
        }
        EngineAnswer::Error(error) => reply.error(&error),
        EngineAnswer::Recorded(recorded) => recorded.write(&mut reply),
        // Units are of one command here, whose answer is theirs.
        EngineAnswer::Unit { replies, .. } => {
            replies.iter().flatten().for_each(|recorded| recorded.write(&mut reply));
        }
        EngineAnswer::Watched(_) => reply.simple("OK"),
        EngineAnswer::Gathered { gather, parts } => merge(gather, parts, random, &mut reply),
    }
    reply.words
}

/// What a reply means; the error is a reply that nobody expects.
pub(crate) fn read(words: &[Word], values: &mut Values) -> Result<Answer, String> {
    let mut value = |word: &Word| match word {
        Word::Bulk(bytes) => Ok(Some(values.id(bytes))),
        Word::Null => Ok(None),
        other => Err(format!("{other:?} stands where a value should")),
    };
    match words {
        [Word::Simple(text)] if text == "OK" => Ok(Answer::Ok),
        [Word::Integer(number)] => Ok(Answer::Integer(*number)),
        [Word::Error(text)] if text.starts_with("MISCONF") || text.starts_with("OOM") => {
            Ok(Answer::Refused)
        }
        [Word::Error(text)] if text.starts_with("TRYAGAIN") || text.starts_with("CLUSTERDOWN") => {
            Ok(Answer::Refused)
        }
        [Word::Error(text)] if text.starts_with("ERR string exceeds") => Ok(Answer::Refused),
        [Word::Error(text)] if text.starts_with("ERR no such key") => Ok(Answer::NoSuchKey),
        [Word::Error(text)]
            if text.starts_with("ERR value is not an integer")
                || text.starts_with("ERR hash value is not an integer") =>
        {
            Ok(Answer::NotInteger)
        }
        [one @ (Word::Bulk(_) | Word::Null)] => Ok(Answer::Values(vec![value(one)?])),
        [Word::Array(count), rest @ ..] if rest.len() == *count => {
            Ok(Answer::Values(rest.iter().map(value).collect::<Result<_, _>>()?))
        }
        other => Err(format!("nobody expects the reply {other:?}")),
    }
}

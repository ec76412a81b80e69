//! Owns reading a dump file of Redis: keys, and their values as they are, not looked into.

use std::io::{self, Read};

use crc_fast::{CrcAlgorithm, Digest};
use hyperion_engine::command::{read_string, seal};

use super::limits::FILE_STRING_BYTES_MAX;

const MAGIC: &[u8] = b"REDIS";
const SUM_BYTES: usize = 8;
/// Versions from which on there is a sum at the end.
const VERSION_SUMMED: u32 = 5;

/// What stands between values.
const AUXILIARY: u8 = 0xfa;
const SIZES: u8 = 0xfb;
const EXPIRY_MS: u8 = 0xfc;
const EXPIRY_S: u8 = 0xfd;
const DATABASE: u8 = 0xfe;
const END: u8 = 0xff;
const IDLE: u8 = 0xf8;
const FREQUENCY: u8 = 0xf9;
const LIBRARY: u8 = 0xf5;
const SLOT: u8 = 0xf4;

/// A key with its value.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) database: u32,
    pub(super) key: Vec<u8>,
    /// Unix ms.
    pub(super) expiry_ms: Option<u64>,
    /// As RESTORE takes it.
    pub(super) payload: Vec<u8>,
}

/// A file that is being read.
pub(super) struct DumpFile<R> {
    input: R,
    version: u32,
    database: u32,
    sum: Digest,
    /// What was read since it was cleared.
    bytes: Vec<u8>,
    /// Libraries of functions that nobody has taken.
    libraries: Vec<u8>,
}

fn bad(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_owned())
}

impl<R: Read> DumpFile<R> {
    /// Reads the head.
    pub(super) fn open(input: R) -> io::Result<Self> {
        let sum = Digest::new(CrcAlgorithm::Crc64Redis);
        let (bytes, libraries) = (Vec::new(), Vec::new());
        let mut file = Self { input, version: 0, database: 0, sum, bytes, libraries };
        let head: [u8; 9] = file.array()?;
        let version = head.strip_prefix(MAGIC).and_then(|text| std::str::from_utf8(text).ok());
        let version = version.and_then(|text| text.parse().ok());
        file.version = version.ok_or_else(|| bad("this is no dump file of Redis"))?;
        Ok(file)
    }

    /// The next key; `None` at the end, when the sum is right.
    pub(super) fn next(&mut self) -> io::Result<Option<Item>> {
        let mut expiry_ms = None;
        loop {
            self.bytes.clear();
            let form = self.byte()?;
            match form {
                AUXILIARY => {
                    self.string()?;
                    self.string()?;
                }
                LIBRARY => {
                    self.string()?;
                    self.libraries.extend_from_slice(&self.bytes);
                }
                SIZES => self.numbers(2)?,
                SLOT => self.numbers(3)?,
                IDLE => self.numbers(1)?,
                FREQUENCY => drop(self.byte()?),
                DATABASE => {
                    let number = u32::try_from(self.number()?);
                    self.database = number.map_err(|_| bad("a database has no such number"))?;
                }
                EXPIRY_S => expiry_ms = Some(u64::from(u32::from_le_bytes(self.array()?)) * 1_000),
                EXPIRY_MS => expiry_ms = Some(u64::from_le_bytes(self.array()?)),
                END => return self.end(),
                _ => {
                    self.bytes.clear();
                    self.string()?;
                    let key = read_string(&self.bytes, FILE_STRING_BYTES_MAX);
                    let key = key.ok_or_else(|| bad("a key is damaged"))?;
                    self.bytes.clear();
                    self.bytes.push(form);
                    self.value(form)?;
                    let mut payload = std::mem::take(&mut self.bytes);
                    seal(&mut payload);
                    return Ok(Some(Item { database: self.database, key, expiry_ms, payload }));
                }
            }
        }
    }

    /// The libraries of functions that were met since this was asked, as FUNCTION RESTORE takes them.
    pub(super) fn take_libraries(&mut self) -> Option<Vec<u8>> {
        let mut payload = std::mem::take(&mut self.libraries);
        if payload.is_empty() {
            return None;
        }
        seal(&mut payload);
        Some(payload)
    }

    fn end(&mut self) -> io::Result<Option<Item>> {
        if self.version >= VERSION_SUMMED {
            let expected = self.sum.finalize();
            let sum = u64::from_le_bytes(self.array::<SUM_BYTES>()?);
            if sum != 0 && sum != expected {
                return Err(bad("the sum at its end is wrong: some of its bytes are others"));
            }
        }
        Ok(None)
    }

    /// Goes over a value.
    fn value(&mut self, form: u8) -> io::Result<()> {
        match form {
            0 | 9..=13 | 16 | 17 | 20 | 23 => self.string(),
            1 | 2 | 14 => self.each(Self::string),
            3 => self.each(|file| {
                file.string()?;
                // 253 to 255 are scores without text.
                match file.byte()? {
                    253.. => Ok(()),
                    bytes => file.take(bytes.into()),
                }
            }),
            4 => self.each(|file| file.strings(2)),
            5 => self.each(|file| file.string().and_then(|()| file.take(8))),
            18 => self.each(|file| file.numbers(1).and_then(|()| file.string())),
            15 | 19 | 21 => self.stream(form),
            22 => self.each(|file| file.numbers(1).and_then(|()| file.strings(2))),
            24 => {
                self.take(8)?;
                self.each(|file| file.numbers(1).and_then(|()| file.strings(2)))
            }
            25 => self.take(8).and_then(|()| self.string()),
            6 | 7 => Err(bad("it holds a value of a module, which cannot be read")),
            _ => Err(bad(&format!("it holds a value of form {form}, which is not known"))),
        }
    }

    fn stream(&mut self, form: u8) -> io::Result<()> {
        self.each(|file| file.strings(2))?;
        self.numbers(if form == 15 { 3 } else { 8 })?;
        self.each(|file| {
            file.string()?;
            file.numbers(if form == 15 { 2 } else { 3 })?;
            file.each(|file| file.take(24).and_then(|()| file.numbers(1)))?;
            file.each(|file| {
                file.string()?;
                file.take(if form == 21 { 16 } else { 8 })?;
                file.each(|file| file.take(16))
            })
        })
    }

    fn each(&mut self, mut go: impl FnMut(&mut Self) -> io::Result<()>) -> io::Result<()> {
        for _ in 0..self.number()? {
            go(self)?;
        }
        Ok(())
    }

    fn strings(&mut self, count: usize) -> io::Result<()> {
        (0..count).try_for_each(|_| self.string())
    }

    fn numbers(&mut self, count: usize) -> io::Result<()> {
        (0..count).try_for_each(|_| self.number().map(drop))
    }

    fn string(&mut self) -> io::Result<()> {
        let bytes = match self.length()? {
            Ok(bytes) => bytes,
            Err(encoding @ 0..=2) => 1 << encoding,
            Err(3) => {
                let packed = self.number()?;
                self.numbers(1)?;
                packed
            }
            Err(_) => return Err(bad("a string is damaged")),
        };
        self.take(bytes)
    }

    fn number(&mut self) -> io::Result<u64> {
        self.length()?.map_err(|_| bad("a length is damaged"))
    }

    /// A length, or how a string is encoded that has none.
    fn length(&mut self) -> io::Result<Result<u64, u8>> {
        let first = self.byte()?;
        let low = u64::from(first & 0x3f);
        Ok(match first >> 6 {
            0 => Ok(low),
            1 => Ok(low << 8 | u64::from(self.byte()?)),
            2 if first == 0x80 => Ok(u32::from_be_bytes(self.array()?).into()),
            2 if first == 0x81 => Ok(u64::from_be_bytes(self.array()?)),
            3 => Err(first & 0x3f),
            _ => return Err(bad("a length is damaged")),
        })
    }

    fn byte(&mut self) -> io::Result<u8> {
        self.array().map(|[byte]| byte)
    }

    fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.input.read_exact(&mut bytes).map_err(short)?;
        self.sum.update(&bytes);
        self.bytes.extend_from_slice(&bytes);
        Ok(bytes)
    }

    /// Takes as much memory as there is in the file.
    fn take(&mut self, bytes: u64) -> io::Result<()> {
        let before = self.bytes.len();
        let there = self.input.by_ref().take(bytes).read_to_end(&mut self.bytes)?;
        self.sum.update(&self.bytes[before..]);
        if there as u64 == bytes { Ok(()) } else { Err(bad("it ends too soon")) }
    }
}

fn short(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::UnexpectedEof { bad("it ends too soon") } else { error }
}

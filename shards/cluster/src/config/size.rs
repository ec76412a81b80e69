//! Owns a number of bytes as a person writes it: `8589934592` or `"8GiB"`, written back as it was
//! given.

use std::fmt;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

const UNITS: [(&str, u32); 5] = [("", 0), ("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40)];

/// A number of bytes together with the text it was given as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Size {
    bytes: u64,
    /// `None` when it was given as a JSON number.
    text: Option<String>,
}

impl Size {
    /// A size that is written as a number, or with a unit when it is a whole number of that unit.
    #[must_use]
    pub fn from_bytes(bytes: u64) -> Self {
        let unit = UNITS
            .iter()
            .skip(1)
            .rev()
            .find(|(_, shift)| bytes != 0 && bytes.trailing_zeros() >= *shift);
        let text = unit.map(|(name, shift)| format!("{}{name}", bytes >> shift));
        Self { bytes, text }
    }

    /// Reads `8GiB`, `64KiB` or plain digits.
    ///
    /// Errors: a sentence with the text and the units there are.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bad = || {
            format!(
                "{text:?} is no size; write bytes as a number, or a text such as \"64KiB\", \"256MiB\" or \"8GiB\""
            )
        };
        let digits_end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (digits, unit) = text.split_at(digits_end);
        let number: u64 = digits.parse().map_err(|_| bad())?;
        let (_, shift) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(bad)?;
        let bytes = number.checked_mul(1 << shift).ok_or_else(bad)?;
        Ok(Self { bytes, text: Some(text.to_owned()) })
    }

    /// The size in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl fmt::Display for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.text {
            Some(text) => formatter.write_str(text),
            None => write!(formatter, "{}", self.bytes),
        }
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.text {
            Some(text) => serializer.serialize_str(text),
            None => serializer.serialize_u64(self.bytes),
        }
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SizeVisitor;
        impl Visitor<'_> for SizeVisitor {
            type Value = Size;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a number of bytes or a text such as \"8GiB\"")
            }

            fn visit_u64<E: de::Error>(self, bytes: u64) -> Result<Size, E> {
                Ok(Size { bytes, text: None })
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Size, E> {
                Size::parse(text).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(SizeVisitor)
    }
}

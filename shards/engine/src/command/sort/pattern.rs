//! Owns the patterns of BY and GET: the name of another key, or of a field of a hash, with a place for the element.

use crate::command::context::Context;
use crate::command::error::CommandError;
use crate::command::hash;
use hyperion_model::slot_of;
use hyperion_store::Key;

pub(super) const BY_DENIED: CommandError = CommandError::Says(
    "ERR BY option of SORT denied in cluster mode when keys formed by the pattern may be in different slots.",
);
pub(super) const GET_DENIED: CommandError = CommandError::Says(
    "ERR GET option of SORT denied in cluster mode when keys formed by the pattern may be in different slots.",
);

/// A pattern.
pub(super) enum Pattern<'a> {
    /// The element itself.
    Element,
    /// Nothing: there is no place for the element.
    Nothing,
    /// A string, or a field of a hash.
    Value { before: &'a [u8], behind: &'a [u8], field: Option<&'a [u8]> },
}

impl<'a> Pattern<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        if text == b"#" {
            return Self::Element;
        }
        let Some(star) = text.iter().position(|&byte| byte == b'*') else { return Self::Nothing };
        let (before, rest) = (&text[..star], &text[star + 1..]);
        let arrow = rest.windows(2).position(|pair| pair == b"->");
        match arrow.filter(|arrow| arrow + 2 < rest.len()) {
            Some(arrow) => {
                Self::Value { before, behind: &rest[..arrow], field: Some(&rest[arrow + 2..]) }
            }
            None => Self::Value { before, behind: rest, field: None },
        }
    }

    /// The key that it names with an element, if it names one.
    pub(super) fn key(&self, element: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Element | Self::Nothing => None,
            Self::Value { before, behind, .. } => Some([*before, element, *behind].concat()),
        }
    }

    /// The slot of all keys that it names, where a hash tag before the element's place settles it. `Some(None)`: it names none.
    pub(super) fn slot(&self) -> Option<Option<u16>> {
        let Self::Value { before, .. } = self else { return Some(None) };
        let open = before.iter().position(|&byte| byte == b'{')?;
        let close = before[open + 1..].iter().position(|&byte| byte == b'}')?;
        (close > 0).then(|| Some(slot_of(before)))
    }

    /// What it stands for with an element of the collection under `sorted`.
    ///
    /// # Errors
    /// `denied`, when the key that it names cannot be read here.
    pub(super) fn look_up(
        &self,
        context: &mut Context<'_>,
        sorted: &Key<'_>,
        element: &[u8],
        denied: CommandError,
    ) -> Result<Option<Vec<u8>>, CommandError> {
        let field = match self {
            Self::Element => return Ok(Some(element.to_vec())),
            Self::Nothing => return Ok(None),
            Self::Value { field, .. } => *field,
        };
        let name = self.key(element).unwrap_or_default();
        if !context.store.lies_with(sorted, &name) {
            return Err(denied);
        }
        let key = context.key(&name)?;
        if let Some(field) = field {
            return hash::field_value(context, &key, field);
        }
        let Some(found) = context.store.find(&key) else { return Ok(None) };
        if !context.store.is_string(&found) {
            return Ok(None);
        }
        context.save(&found);
        Ok(Some(context.scratch.clone()))
    }
}

//! Owns the bytes of answers.

/// Appends answers to `out`: whole lines, and values, which end as lines do.
#[derive(Debug)]
pub struct Encoder<'a> {
    /// Where the bytes go.
    pub out: &'a mut Vec<u8>,
}

impl Encoder<'_> {
    /// A line, or a value.
    #[inline]
    pub fn line(&mut self, bytes: &[u8]) {
        self.out.reserve(bytes.len() + 2);
        self.raw(bytes);
        self.end();
    }

    /// A part of a value.
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// The end of a line or of a value.
    #[inline]
    pub fn end(&mut self) {
        self.out.extend_from_slice(b"\r\n");
    }

    /// An error of the server as other protocols tell it, code first. Line ends in it become spaces.
    pub fn error(&mut self, text: &str) {
        let text = text.strip_prefix("ERR ").unwrap_or(text);
        self.raw(b"SERVER_ERROR ");
        if text.starts_with("OOM ") {
            self.raw(b"out of memory storing object");
        } else {
            let letters = text.bytes();
            self.out.extend(letters.map(|byte| if b"\r\n".contains(&byte) { b' ' } else { byte }));
        }
        self.end();
    }
}

//! Owns answers: a status and a body, as JSON with `errors` when something is wrong.

use std::fmt::Write as _;
use std::io::Cursor;

use serde_json::{Value, json};
use tiny_http::{Header, Response, StatusCode};

use crate::config::Problem;

const JSON: &str = "application/json";

/// An answer before it is bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The status code.
    pub(crate) status: u16,
    /// The body.
    pub(crate) body: Vec<u8>,
    /// Names and values of headers, ASCII without line ends.
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Answer {
    /// A text of a given type.
    pub(crate) fn text(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![
            ("Content-Type", content_type.to_owned()),
            ("Cache-Control", "no-store".to_owned()),
            ("Server", "hyperion".to_owned()),
        ];
        Self { status, body: body.into(), headers }
    }

    /// A JSON value on one line.
    pub(crate) fn json(status: u16, value: &Value) -> Self {
        Self::text(status, JSON, format!("{value}\n"))
    }

    /// A JSON document that is text already.
    pub(crate) fn json_text(status: u16, text: String) -> Self {
        Self::text(status, JSON, text)
    }

    /// What is wrong: `{"errors": [..]}`.
    pub(crate) fn errors(status: u16, problems: &[Problem]) -> Self {
        Self::json(status, &json!({ "errors": problems }))
    }

    /// One thing that is wrong with the request as a whole.
    pub(crate) fn error(status: u16, problem: &str, hint: &str) -> Self {
        Self::errors(status, &[Problem::at("", problem, hint)])
    }

    /// The node is busy: 503, try again after a second.
    pub(crate) fn busy(problem: &str, hint: &str) -> Self {
        Self::error(503, problem, hint).with("Retry-After", "1")
    }

    /// The same with one more header.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The whole answer as bytes for the client; the connection closes after it.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let status = StatusCode(self.status);
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, status.default_reason_phrase());
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        let _ = write!(head, "Connection: close\r\nContent-Length: {}\r\n\r\n", self.body.len());
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// The same as `tiny_http` takes it, never chunked.
    pub(crate) fn into_response(self) -> Response<Cursor<Vec<u8>>> {
        let length = self.body.len();
        let headers = self
            .headers
            .iter()
            .filter_map(|(name, value)| Header::from_bytes(name.as_bytes(), value.as_bytes()).ok())
            .collect();
        Response::new(StatusCode(self.status), headers, Cursor::new(self.body), Some(length), None)
            .with_chunked_threshold(usize::MAX)
    }
}

/// The whole answer to a request that the front refuses, as bytes for the client.
pub(crate) fn refusal(status: u16, problem: &str) -> Vec<u8> {
    let (problem, hint) = problem.split_once("; ").unwrap_or((problem, ""));
    Answer::error(status, problem, hint).to_bytes()
}

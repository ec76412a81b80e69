//! Owns reading the head of a request: its line and its headers, strictly (RFC 9112).

use super::limits::BODY_BYTES_MAX;

/// Why a request is refused: the status code and one sentence.
pub(crate) type Refusal = (u16, String);

/// What the request line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestLine {
    /// The method.
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
}

/// What the headers say, as far as anything here needs it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Headers {
    /// The value of `Authorization`.
    pub(crate) authorization: Option<Vec<u8>>,
    /// The value of `Content-Length`.
    pub(crate) body_bytes: Option<usize>,
    /// Whether the client waits for `100 Continue` before it sends the body.
    pub(crate) expects_continue: bool,
}

/// Reads the request line, without its line end.
///
/// Errors: the status and a sentence.
pub(crate) fn request_line(line: &[u8]) -> Result<RequestLine, Refusal> {
    let bad = || {
        refuse(
            400,
            "this is no HTTP request line; speak HTTP/1.1 here, Redis clients have a port of their own",
        )
    };
    let text = std::str::from_utf8(line).map_err(|_| bad())?;
    let mut parts = text.split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(bad());
    };
    if method.is_empty() || method.len() > 16 || !method.bytes().all(|b| b.is_ascii_uppercase()) {
        return Err(bad());
    }
    match version {
        "HTTP/1.1" | "HTTP/1.0" => {}
        _ if version.starts_with("HTTP/") => {
            return Err(refuse(505, "this version of HTTP is not spoken here; use HTTP/1.1"));
        }
        _ => return Err(bad()),
    }
    if !target.starts_with('/') || !target.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(refuse(400, "the target of the request is no path; begin it with a slash"));
    }
    Ok(RequestLine { method: method.to_owned(), target: target.to_owned() })
}

/// Reads the header lines, each without its line end.
///
/// Errors: the status and a sentence.
pub(crate) fn headers<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Result<Headers, Refusal> {
    let mut headers = Headers::default();
    let mut chunked = false;
    for line in lines {
        let (name, value) = split(line)?;
        match name.to_ascii_lowercase().as_slice() {
            b"origin" => {
                return Err(refuse(
                    403,
                    "requests of web pages are refused; ask with a program, without the Origin header",
                ));
            }
            b"transfer-encoding" => chunked = true,
            b"content-length" if headers.body_bytes.is_some() => {
                return Err(refuse(400, "Content-Length came twice; send it once"));
            }
            b"content-length" => headers.body_bytes = Some(content_length(value)?),
            b"authorization" if headers.authorization.is_some() => {
                return Err(refuse(400, "Authorization came twice; send it once"));
            }
            b"authorization" => headers.authorization = Some(value.to_vec()),
            b"expect" if value.eq_ignore_ascii_case(b"100-continue") => {
                headers.expects_continue = true;
            }
            b"expect" => {
                return Err(refuse(
                    417,
                    "only 100-continue may be expected; leave the Expect header out",
                ));
            }
            _ => {}
        }
    }
    // Without either header there is no body (RFC 9112, 6.3): `curl -X POST` alone sends it so.
    if chunked {
        return Err(refuse(
            411,
            "the length of the body is not known; send Content-Length and no Transfer-Encoding",
        ));
    }
    Ok(headers)
}

fn split(line: &[u8]) -> Result<(&[u8], &[u8]), Refusal> {
    let colon = line.iter().position(|byte| *byte == b':');
    let (name, value) = line.split_at(colon.unwrap_or(0));
    let token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    if name.is_empty() || !name.iter().all(token) {
        return Err(refuse(400, "a line among the headers is no header; write \"Name: value\""));
    }
    Ok((name, value[1..].trim_ascii()))
}

fn content_length(value: &[u8]) -> Result<usize, Refusal> {
    let digits = std::str::from_utf8(value)
        .ok()
        .filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()));
    let Some(digits) = digits else {
        return Err(refuse(400, "Content-Length is no number; give the bytes of the body"));
    };
    match digits.parse::<usize>() {
        Ok(length) if length <= BODY_BYTES_MAX => Ok(length),
        _ => Err((413, format!("the body is too long; send at most {BODY_BYTES_MAX} bytes"))),
    }
}

fn refuse(status: u16, sentence: &str) -> Refusal {
    (status, sentence.to_owned())
}

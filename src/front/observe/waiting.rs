//! Owns which commands wait for the end of a pause.

use hyperion_engine::command::{CommandSpec, FrontCommand, Run};

use super::super::client::Client;
use crate::node::{Io, NodeCore};

impl NodeCore {
    /// Whether the command waits for the end of a pause.
    #[cold]
    pub(crate) fn waits_for_pause(
        &mut self,
        io: &Io,
        client: &Client,
        spec: &CommandSpec,
        arguments: &[&[u8]],
    ) -> bool {
        let now_ms = io.now_unix_ms();
        self.observer.is_paused = self.observer.pause.holds(now_ms);
        // Who ends a pause must come through, and a transaction that has begun ends.
        if spec.name == "client" || client.exec.is_some() {
            return false;
        }
        let writes = match spec.run {
            Run::Front(FrontCommand::Exec) => client.session.multi.as_ref().is_some_and(|multi| {
                multi.commands().iter().any(|queued| {
                    let words: Vec<&[u8]> = queued.arguments.iter().map(Vec::as_slice).collect();
                    self.may_write(queued.spec, &words)
                })
            }),
            _ => self.may_write(spec, arguments),
        };
        self.observer.pause.stops(now_ms, writes)
    }

    /// Whether a command may write, or tell others something.
    fn may_write(&self, spec: &CommandSpec, arguments: &[&[u8]]) -> bool {
        let text = arguments.get(1).copied().unwrap_or_default();
        match spec.name {
            "publish" | "spublish" | "pfcount" => true,
            "eval" => !only_reads(text),
            "evalsha" => {
                let text = self.shared.scripts.find(&String::from_utf8_lossy(text).to_lowercase());
                !text.is_some_and(|text| only_reads(&text))
            }
            _ => spec.writes(),
        }
    }

    /// Clients whose commands wait for the end of a pause.
    pub(crate) fn paused_clients(&self) -> usize {
        if self.observer.is_paused { self.held.len() } else { 0 }
    }
}

/// Whether a script says in its first line that it does not write.
fn only_reads(text: &[u8]) -> bool {
    let line = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
    line.starts_with(b"#!")
        && line
            .split(|byte| matches!(byte, b' ' | b',' | b'='))
            .any(|word| word.trim_ascii() == b"no-writes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_that_only_read_say_so_first() {
        for (text, expected) in [
            (&b"#!lua flags=no-writes\nreturn 1"[..], true),
            (b"#!lua flags=allow-oom,no-writes", true),
            (b"#!lua\nreturn 'no-writes'", false),
            (b"return 'flags=no-writes'", false),
            (b"", false),
        ] {
            assert_eq!(only_reads(text), expected, "{}", text.escape_ascii());
        }
    }
}

//! Owns INFO: gathers what is known of the node, and puts the sections together that were asked for.

use std::sync::atomic::Ordering;

use super::super::client::Client;
use super::super::execute::Progress;
use super::asks::{After, Asker, FrontAsk};
use super::info_sections::{Facts, SECTIONS, Section, When};
use super::process::Process;
use super::run::keyword;
use crate::node::{Io, NodeCore};

impl NodeCore {
    /// `INFO [section ...]`. Every core shows its figures of now first.
    pub(super) fn info(&mut self, io: &mut Io, client: &mut Client, names: &[&[u8]]) -> Progress {
        let after = After::Info(names.iter().map(|name| name.to_vec()).collect());
        let asker = Asker { after, ..Asker::default() };
        self.ask_all(io, client, &FrontAsk::ShowFigures, asker)
    }

    /// Answers INFO from what the cores have shown.
    pub(super) fn tell_info(&mut self, io: &Io, client: &mut Client, names: &[Vec<u8>]) {
        let (functions, cores) = (self.count_functions(), self.shared.board.read());
        let facts = Facts {
            cores: &cores,
            config: &self.config,
            config_path: &self.shared.config_path,
            run_id: &self.shared.run_id,
            process: Process::read(),
            process_id: std::process::id(),
            now_ms: io.now_unix_ms(),
            started_ms: self.shared.started_ms,
            saves: self.shared.snapshots.facts(),
            clients: self.shared.clients.load(Ordering::Relaxed),
            clients_max: self.clients_max(),
            slow_commands: self.shared.slow_commands.load(Ordering::Relaxed),
            used_peak: self.shared.board.used_peak(),
            own_tracks: u64::from(client.tracking.is_some()),
            scripts: self.shared.scripts.count(),
            script_bytes: self.shared.scripts.bytes(),
            functions,
            replicas: self.copies_elsewhere(),
            position: self.engine.store().appended_position(),
        };
        let names: Vec<&[u8]> = names.iter().map(Vec::as_slice).collect();
        let text = info_text(&facts, &names);
        self.answer(client, |reply| reply.verbatim("txt", text.as_bytes()));
    }
}

/// The sections that `names` ask for, in their own order, each once.
pub(super) fn info_text(facts: &Facts<'_>, names: &[&[u8]]) -> String {
    let names: Vec<String> = names.iter().map(|name| keyword(name)).collect();
    let mut text = String::new();
    for section in SECTIONS.iter().filter(|section| is_wanted(section, &names)) {
        if !text.is_empty() {
            text.push_str("\r\n");
        }
        text.push_str("# ");
        text.push_str(section.title);
        text.push_str("\r\n");
        (section.write)(facts, &mut text);
    }
    text
}

fn is_wanted(section: &Section, names: &[String]) -> bool {
    let by_default = section.when == When::Default;
    if names.is_empty() {
        return by_default;
    }
    names.iter().any(|name| match name.as_str() {
        "everything" => true,
        "all" => section.when != When::Everything,
        "default" => by_default,
        name => section.title.eq_ignore_ascii_case(name),
    })
}

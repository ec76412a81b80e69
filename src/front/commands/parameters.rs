//! Owns the table of parameters that CONFIG GET shows and CONFIG SET changes.

use std::path::Path;

use hyperion_cluster::config::limits::{CLIENTS_MAX, SHOWN_BACK_BYTES_MAX, VALUE_BYTES_MIN};
use hyperion_model::EventMask;
use hyperion_model::limits::DATABASES;
use hyperion_model::number::parse_integer;

use super::parameter_values::{
    append_fsync, log_level, memory, output_limits, read_append_fsync, read_durability,
    read_eviction, read_log_level, read_output_limits, read_password, read_save, whole, within,
    yes_or_no,
};
use super::parameters_redis::REDIS_PARAMETERS;
use super::run::keyword;
use crate::config::{PasswordHash, Resolved, Settings, Size, Storage};

/// A change of one setting.
pub(super) type Setting = Box<dyn FnOnce(&mut Settings) + Send>;
type Show = fn(&Resolved, &Path) -> String;
type Read = fn(&[u8]) -> Result<Setting, String>;

/// One parameter.
pub(super) struct Parameter {
    /// Its name in lower case.
    pub(super) name: &'static str,
    /// The field of the config that it stands for, as a JSON pointer.
    pub(super) pointer: &'static str,
    form: Form,
}

/// How a parameter is shown and set.
#[derive(Clone, Copy)]
enum Form {
    /// It cannot change.
    Fixed(Show),
    /// It stands for a setting.
    Live(Show, Read),
    /// It means nothing here: it is shown back as it was set.
    Kept(Kind, &'static str),
}

/// What a parameter that is only shown back may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Flag,
    Number,
    Bytes,
    Text,
}

pub(super) const fn fixed(name: &'static str, show: Show) -> Parameter {
    Parameter { name, pointer: "", form: Form::Fixed(show) }
}

pub(super) const fn live(
    name: &'static str,
    pointer: &'static str,
    show: Show,
    read: Read,
) -> Parameter {
    Parameter { name, pointer, form: Form::Live(show, read) }
}

/// Shown back as it was set, and in the beginning as Redis has it.
pub(super) const fn kept(name: &'static str, kind: Kind, default: &'static str) -> Parameter {
    Parameter { name, pointer: "/settings/redis", form: Form::Kept(kind, default) }
}

impl Parameter {
    /// Its value as text; the path is the folder of the data files.
    pub(super) fn show(&self, config: &Resolved, data: &Path) -> String {
        match self.form {
            Form::Fixed(show) | Form::Live(show, _) => show(config, data),
            Form::Kept(_, default) => {
                let kept = config.settings().redis.get(self.name);
                kept.map_or_else(|| default.to_owned(), String::clone)
            }
        }
    }

    /// Whether it has this value, and cannot have another while the node runs.
    pub(super) fn stays(&self, text: &[u8], config: &Resolved, data: &Path) -> bool {
        let is_fixed = matches!(self.form, Form::Fixed(_)) || self.name == PORT;
        is_fixed && self.show(config, data).as_bytes() == text
    }

    /// Reads a new value.
    ///
    /// Errors: what is wrong with it.
    pub(super) fn read(&'static self, text: &[u8]) -> Result<Setting, String> {
        match self.form {
            Form::Fixed(_) => Err("can't set immutable config".to_owned()),
            Form::Live(_, read) => read(text),
            Form::Kept(kind, default) => {
                let text = kind.read(text)?;
                Ok(Box::new(move |settings| {
                    if text == default {
                        settings.redis.remove(self.name);
                    } else {
                        settings.redis.insert(self.name.to_owned(), text);
                    }
                }))
            }
        }
    }
}

impl Parameter {
    /// Reads a value that is kept to be shown back; `None`: it stands for something else, or cannot change.
    pub(super) fn read_kept(&self, text: &[u8]) -> Option<Result<String, String>> {
        match self.form {
            Form::Kept(kind, _) => Some(kind.read(text)),
            Form::Fixed(_) | Form::Live(..) => None,
        }
    }
}

impl Kind {
    fn read(self, text: &[u8]) -> Result<String, String> {
        match self {
            Self::Flag => match keyword(text).as_str() {
                word @ ("yes" | "no") => Ok(word.to_owned()),
                _ => Err("argument must be 'yes' or 'no'".to_owned()),
            },
            Self::Number => parse_integer(text)
                .map(|number| number.to_string())
                .ok_or_else(|| "argument couldn't be parsed into an integer".to_owned()),
            Self::Bytes => memory(text).map(|bytes| bytes.to_string()),
            Self::Text => String::from_utf8(text.to_vec())
                .ok()
                .filter(|text| text.len() <= SHOWN_BACK_BYTES_MAX)
                .ok_or_else(|| "argument must be a short text in UTF-8".to_owned()),
        }
    }
}

pub(super) const MAXMEMORY: &str = "maxmemory";
pub(super) const SAVE: &str = "save";
pub(super) const APPENDONLY: &str = "appendonly";
const PORT: &str = "port";
/// Told to who names it whole.
pub(super) const HIDDEN: &str = "key-load-delay";

/// All parameters: those that stand for settings, and Redis' others.
pub(super) fn all() -> impl Iterator<Item = &'static Parameter> {
    PARAMETERS.iter().chain(REDIS_PARAMETERS)
}

/// Those that stand for what the node knows, by name.
pub(super) static PARAMETERS: [Parameter; 28] = [
    live(
        "acllog-max-len",
        "/settings/observe/acl_log_len_max",
        |config, _| config.settings().observe.acl_log_len_max.to_string(),
        |text| {
            let count = whole(text)?;
            Ok(Box::new(move |settings| settings.observe.acl_log_len_max = count))
        },
    ),
    live(
        "appendfsync",
        "/settings/durability",
        |config, _| append_fsync(config).to_owned(),
        read_append_fsync,
    ),
    // Storage in memory that is to be on disk is refused: it is chosen at a start.
    live(
        "appendonly",
        "/settings/storage",
        |config, _| {
            let settings = config.settings();
            yes_or_no(settings.storage == Storage::Disk && !settings.redis.contains_key(APPENDONLY))
        },
        |text| match keyword(text).as_str() {
            "yes" => Ok(Box::new(|settings| {
                settings.redis.remove(APPENDONLY);
                settings.storage = Storage::Disk;
            })),
            // More is kept than is asked for: the log goes on.
            "no" => Ok(Box::new(|settings| {
                if settings.storage == Storage::Disk {
                    settings.redis.insert(APPENDONLY.to_owned(), "no".to_owned());
                }
            })),
            _ => Err("argument must be 'yes' or 'no'".to_owned()),
        },
    ),
    fixed("bind", |config, _| config.resp.ip().to_string()),
    live(
        "client-output-buffer-limit",
        "/settings/limits/pubsub_output",
        |config, _| output_limits(config),
        read_output_limits,
    ),
    fixed("cluster-enabled", |config, _| yes_or_no(config.shows_a_cluster())),
    fixed("databases", |_, _| DATABASES.to_string()),
    fixed("dir", |_, data| data.display().to_string()),
    live(
        "durability",
        "/settings/durability",
        |config, _| config.settings().durability.as_str().to_owned(),
        read_durability,
    ),
    fixed("io-threads", |config, _| config.cores.len().to_string()),
    live(
        "latency-monitor-threshold",
        "/settings/observe/latency_threshold_ms",
        |config, _| config.settings().observe.latency_threshold_ms.to_string(),
        |text| {
            let threshold_ms = whole(text)?;
            Ok(Box::new(move |settings| settings.observe.latency_threshold_ms = threshold_ms))
        },
    ),
    live(
        "loglevel",
        "/settings/log_level",
        |config, _| log_level(config).to_owned(),
        read_log_level,
    ),
    live(
        "maxclients",
        "/settings/limits/clients",
        |config, _| config.settings().limits.clients.to_string(),
        |text| {
            let clients = within(text, 1, CLIENTS_MAX)?;
            Ok(Box::new(move |settings| settings.limits.clients = clients))
        },
    ),
    live(
        "maxmemory",
        "/settings/memory_bytes_max",
        |config, _| {
            let tight = config.settings().redis.get(MAXMEMORY);
            // Without one the node takes its share of the machine's memory, which INFO tells.
            let given = config.settings().memory_bytes_max.as_ref().map_or(0, Size::bytes);
            tight.map_or_else(|| given.to_string(), String::clone)
        },
        |text| {
            // Redis means "no limit" by 0; here it takes the share of the machine's memory that a config without a limit has.
            let bytes = Some(memory(text)?).filter(|bytes| *bytes > 0);
            Ok(Box::new(move |settings| {
                settings.redis.remove(MAXMEMORY);
                settings.memory_bytes_max = bytes.map(Size::from_bytes);
            }))
        },
    ),
    live(
        "maxmemory-policy",
        "/settings/eviction",
        |config, _| config.eviction.name().to_owned(),
        read_eviction,
    ),
    live(
        "notify-keyspace-events",
        "/settings/notify_keyspace_events",
        // Redis does not show `n` beside `A`.
        |config, _| {
            let text = config.events.to_text();
            if text.starts_with('A') { text.replace('n', "") } else { text }
        },
        |text| {
            let mask = EventMask::parse(text)
                .ok_or("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")?;
            Ok(Box::new(move |settings| settings.notify_keyspace_events = mask.to_text()))
        },
    ),
    live(
        PORT,
        "",
        |config, _| config.resp.port().to_string(),
        |_| Err("Unable to listen on this port: listeners stay while a node runs".to_owned()),
    ),
    live(
        "proto-max-bulk-len",
        "/settings/limits/value_bytes",
        |config, _| config.value_bytes_max.to_string(),
        |text| {
            // With less, words of CONFIG SET itself would be too long, and nobody could take it back.
            let bytes = memory(text)?;
            if bytes < VALUE_BYTES_MIN {
                let most = i64::MAX;
                return Err(format!(
                    "argument must be between {VALUE_BYTES_MIN} and {most} inclusive"
                ));
            }
            Ok(Box::new(move |settings| settings.limits.value_bytes = Size::from_bytes(bytes)))
        },
    ),
    // The password itself is nowhere: this is its hash, as the config has it.
    live(
        "requirepass",
        "/settings/auth/password_hash",
        |config, _| config.password.as_ref().map_or_else(String::new, PasswordHash::to_text),
        read_password,
    ),
    live(
        "save",
        "/settings/redis",
        |config, _| config.settings().redis.get(SAVE).cloned().unwrap_or_default(),
        read_save,
    ),
    fixed("segment-bytes", |config, _| config.segment_bytes.to_string()),
    live(
        "slowlog-log-slower-than",
        "/settings/observe/slowlog_slower_than_us",
        |config, _| {
            let us = config.settings().observe.slowlog_slower_than_us;
            us.map_or_else(|| "-1".to_owned(), |us| us.to_string())
        },
        |text| {
            let us = parse_integer(text).ok_or("argument couldn't be parsed into an integer")?;
            if us < -1 {
                return Err(format!("argument must be between -1 and {} inclusive", i64::MAX));
            }
            let us = u64::try_from(us).ok();
            Ok(Box::new(move |settings| settings.observe.slowlog_slower_than_us = us))
        },
    ),
    live(
        "slowlog-max-len",
        "/settings/observe/slowlog_len_max",
        |config, _| config.settings().observe.slowlog_len_max.to_string(),
        |text| {
            let count = whole(text)?;
            Ok(Box::new(move |settings| settings.observe.slowlog_len_max = count))
        },
    ),
    fixed("storage", |config, _| config.settings().storage.as_str().to_owned()),
    live(
        "sync-interval-ms",
        "/settings/sync_interval_ms",
        |config, _| config.settings().sync_interval_ms.to_string(),
        |text| {
            let interval_ms = whole(text)?;
            Ok(Box::new(move |settings| settings.sync_interval_ms = interval_ms))
        },
    ),
    live(
        "timeout",
        "/settings/limits/idle_timeout_s",
        |config, _| config.settings().limits.idle_timeout_s.to_string(),
        |text| {
            let seconds = whole(text)?;
            Ok(Box::new(move |settings| settings.limits.idle_timeout_s = seconds))
        },
    ),
    fixed("unixsocket", |config, _| {
        config.unix.as_ref().map_or_else(String::new, |path| path.display().to_string())
    }),
    live(
        "write-timeout",
        "/settings/limits/write_timeout_s",
        |config, _| config.settings().limits.write_timeout_s.to_string(),
        |text| {
            let seconds = whole(text)?;
            Ok(Box::new(move |settings| settings.limits.write_timeout_s = seconds))
        },
    ),
];

/// The parameter of this name, whatever its case.
pub(super) fn find(name: &[u8]) -> Option<&'static Parameter> {
    all().find(|parameter| name.eq_ignore_ascii_case(parameter.name.as_bytes()))
}

/// A limit of memory below what the node can work with: it is kept beside the one that it works with.
pub(super) fn tight_memory(bytes: u64) -> Setting {
    Box::new(move |settings| {
        settings.redis.insert(MAXMEMORY.to_owned(), bytes.to_string());
    })
}

//! Owns the flags of `hyperiond`: what they are called, what they accept, and how a bad one is
//! answered.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

use crate::config::{CoreChoice, Durability, LogLevel, Size, Storage};

/// The exit code of a start with bad flags.
pub(crate) const EXIT_BAD_FLAGS: u8 = 64;

/// A memory-first database that any Redis client can talk to.
#[derive(Debug, Clone, Parser)]
#[command(name = "hyperiond", version, about, args_conflicts_with_subcommands = true)]
pub(crate) struct Flags {
    /// The config file; without it DIR/config.json is used, and made when it is not there.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The folder of the data files.
    #[arg(long, value_name = "DIR", default_value = "hyperion-data")]
    pub(crate) data: PathBuf,
    /// The name of this node in the config.
    #[arg(long, value_name = "NAME")]
    pub(crate) node: Option<String>,
    /// The cores to run on: `0-3`, `0,2` or `all`.
    #[arg(long, value_name = "CORES", value_parser = cores)]
    pub(crate) cores: Option<String>,
    /// The address for Redis clients, such as 127.0.0.1:7379.
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub(crate) resp: Option<SocketAddr>,
    /// The address for HTTP, such as 127.0.0.1:7380.
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub(crate) http: Option<SocketAddr>,
    /// The first port of the cores' own listeners for Redis clients; 0 for none.
    #[arg(long, value_name = "PORT")]
    pub(crate) resp_cores: Option<u16>,
    /// A Unix socket for Redis clients.
    #[arg(long, value_name = "PATH")]
    pub(crate) unix: Option<String>,
    /// When a write is answered: after its sync, after its write, or after its write without any
    /// sync.
    #[arg(long, value_name = "MODE", value_parser = word(Durability::WORDS))]
    pub(crate) durability: Option<Durability>,
    /// The memory that the data may take, such as 8GiB.
    #[arg(long, value_name = "SIZE", value_parser = Size::parse)]
    pub(crate) memory: Option<Size>,
    /// Where data is kept: in segment files too, or in memory alone.
    #[arg(long, value_name = "KIND", value_parser = word(Storage::WORDS))]
    pub(crate) storage: Option<Storage>,
    /// Check the flags and the config, say what is wrong, and stop.
    #[arg(long)]
    pub(crate) check: bool,
    /// Save what can be saved of damaged data, then serve. Damaged files are first copied whole to
    /// DIR/quarantine, with a report beside them. Needs memory and disk for the data twice. Older
    /// versions of lost keys, and deleted keys, may come back.
    #[arg(long)]
    pub(crate) repair: bool,
    /// How much is logged.
    #[arg(long, value_name = "LEVEL", value_parser = word(LogLevel::WORDS))]
    pub(crate) log_level: Option<LogLevel>,
    /// The versions of the protocol between nodes to speak, such as `1` or `1-2`: to try what nodes of other versions do.
    #[arg(long, hide = true, value_name = "VERSIONS", value_parser = versions)]
    pub(crate) pretend_protocol: Option<RangeInclusive<u16>>,
    /// What to do instead of serving.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What `hyperiond` does besides serving.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub(crate) enum Command {
    /// Read a password from standard input (one line) and print its hash for the config.
    HashPassword,
    /// Make a data folder out of a snapshot, whole or not at all.
    Restore {
        /// The snapshot, as it lies in DIR/snapshots. Of a cluster: the snapshot-*.json, with the parts of all nodes beside it.
        #[arg(long, value_name = "FILE")]
        from: PathBuf,
        /// Of a cluster: the node whose folder is made.
        #[arg(long, value_name = "NAME")]
        node: Option<String>,
        /// Of a cluster: a config file with the nodes of another one, which gets the data: at other addresses, with more nodes or copies. What it
        /// does not say is as in the snapshot. The same file for all nodes; each folder gets the whole config.
        #[arg(long, value_name = "FILE", requires = "node")]
        config: Option<PathBuf>,
        /// The folder of the data files; it must be empty or not there.
        #[arg(long, value_name = "NEW_DIR")]
        data: PathBuf,
    },
    /// Decide a conflict between the config file of the node that runs here and its cluster, and wait until the node serves. What was in
    /// the file is kept as FILE.bak. A password that HTTP asks for is taken from HYPERION_PASSWORD.
    Resolve {
        /// Whose config is to be in force: the cluster's, or this node's file as the cluster's next one.
        #[arg(long, value_name = "WHOSE", value_parser = ["cluster", "mine"])]
        take: String,
        /// The config file; without it DIR/config.json.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// The folder of the data files.
        #[arg(long, value_name = "DIR", default_value = "hyperion-data")]
        data: PathBuf,
        /// The name of this node in the config; needed when the folder does not tell.
        #[arg(long, value_name = "NAME")]
        node: Option<String>,
    },
    /// Let this node, which must be stopped, go on alone when a majority of the nodes is lost for ever: it becomes the only member of the
    /// cluster with what it has. What only the lost nodes had is lost. Choose the survivor with the longest log.
    Recover {
        /// Say that data may be lost by it.
        #[arg(long = "unsafe")]
        is_unsafe: bool,
        /// Do not ask again.
        #[arg(long)]
        yes: bool,
        /// The config file; without it DIR/config.json.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// The folder of the data files.
        #[arg(long, value_name = "DIR", default_value = "hyperion-data")]
        data: PathBuf,
    },
    /// Copy all keys of one database of a live Redis into a Hyperion that runs, then read both and compare. A run that was cut short goes
    /// on when it is started again. Exit code 0: all is there and the same, 65: not all, 69: a side does not answer as it must.
    Import {
        /// The Redis, as redis://USER:PASSWORD@HOST:PORT/DATABASE; all but host and port may be left out.
        #[arg(long, value_name = "URL", required_unless_present = "rdb")]
        from: Option<String>,
        /// A dump file of Redis in place of it; all its databases, and nothing is compared.
        #[arg(long, value_name = "FILE", conflicts_with_all = ["from", "state", "compare_every"])]
        rdb: Option<PathBuf>,
        /// The Hyperion, in the same way; keys keep their database.
        #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7379")]
        to: String,
        /// The file that keeps how far it has come; it is removed at the end.
        #[arg(long, value_name = "FILE", default_value = "hyperion-import.json")]
        state: PathBuf,
        /// Compare one key in so many afterwards; 0 for none.
        #[arg(long, value_name = "COUNT", default_value_t = 1)]
        compare_every: u64,
    },
    /// Read all data of a stopped node, check every checksum, print a table and what is damaged.
    /// Nothing is written. Exit code 0: sound, 64: no data there, 65: damaged, 74: the disk does not give all of it.
    CheckData {
        /// The folder of the data files.
        #[arg(long, value_name = "DIR", default_value = "hyperion-data")]
        data: PathBuf,
    },
}

/// Why the program stops before it begins: a bad flag, or a text that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FlagsStop {
    /// 64 for a bad flag (the text belongs on standard error), 0 for help and version.
    pub(crate) exit_code: u8,
    /// One sentence for a bad flag; the whole text for help and version.
    pub(crate) text: String,
}

impl Flags {
    /// Reads the flags; the first argument is the name of the program.
    ///
    /// Errors: [`FlagsStop`] with what to print and the exit code.
    pub(crate) fn parse_from_arguments<I, A>(arguments: I) -> Result<Self, FlagsStop>
    where
        I: IntoIterator<Item = A>,
        A: Into<OsString> + Clone,
    {
        Self::try_parse_from(arguments).map_err(|error| match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                FlagsStop { exit_code: 0, text: error.to_string() }
            }
            _ => FlagsStop { exit_code: EXIT_BAD_FLAGS, text: one_sentence(&error.to_string()) },
        })
    }
}

/// The first paragraph of what clap says, on one line.
fn one_sentence(rendered: &str) -> String {
    let paragraph: Vec<&str> =
        rendered.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    let sentence = paragraph.join(" ");
    let sentence = sentence.strip_prefix("error: ").unwrap_or(&sentence);
    format!("{sentence}; `hyperiond --help` lists the flags")
}

fn cores(text: &str) -> Result<String, String> {
    CoreChoice::parse(text).map(|_| text.to_owned())
}

/// Reads one of a few words, each with its value and what it says.
fn word<T: Copy + Send + Sync + 'static>(
    words: &'static [(T, &'static str, &'static str)],
) -> impl TypedValueParser<Value = T> {
    let possible = words.iter().map(|(_, word, meaning)| PossibleValue::new(*word).help(*meaning));
    PossibleValuesParser::new(possible).map(move |given| {
        let known = words.iter().find(|(_, word, _)| *word == given);
        known.expect("the parser lets these words through alone").0
    })
}

fn versions(text: &str) -> Result<RangeInclusive<u16>, String> {
    let (oldest, newest) = text.split_once('-').unwrap_or((text, text));
    match (oldest.parse(), newest.parse()) {
        (Ok(oldest), Ok(newest)) if 0 < oldest && oldest <= newest => Ok(oldest..=newest),
        _ => Err("give a version or two, the older one first, such as 1-2".to_owned()),
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "give an IP address and a port, such as 127.0.0.1:7379".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Flags, FlagsStop> {
        Flags::parse_from_arguments(
            std::iter::once("hyperiond").chain(line.split(' ').filter(|word| !word.is_empty())),
        )
    }

    #[test]
    fn good_flags_are_read() {
        let flags = parse(
            "--config c.json --data d --node a --cores 0-3 --resp 127.0.0.1:1 --http [::1]:2 \
             --resp-cores 7400 --unix /tmp/s --durability never --storage memory --memory 8GiB --check \
             --log-level debug",
        )
        .expect("these are all flags");
        assert_eq!(flags.config, Some(PathBuf::from("c.json")));
        assert_eq!(flags.cores.as_deref(), Some("0-3"));
        assert_eq!(flags.http, Some("[::1]:2".parse().expect("an address")));
        assert_eq!(flags.durability, Some(Durability::Never));
        assert_eq!(flags.storage, Some(Storage::Memory));
        assert_eq!(flags.memory.as_ref().map(Size::bytes), Some(8 << 30));
        assert_eq!(flags.log_level, Some(LogLevel::Debug));
        assert!(flags.check);
        assert_eq!(parse("--pretend-protocol 1-2").expect("it is").pretend_protocol, Some(1..=2));
        let none = parse("").expect("every flag may be left out");
        assert_eq!(none.data, PathBuf::from("hyperion-data"));
        assert!(!none.repair && parse("--repair").expect("a flag").repair);
        let restore = parse("restore --from s.json --node a --config c.json --data d");
        let expected = Command::Restore {
            from: PathBuf::from("s.json"),
            node: Some("a".to_owned()),
            config: Some(PathBuf::from("c.json")),
            data: PathBuf::from("d"),
        };
        assert_eq!(restore.expect("a subcommand").command, Some(expected));
        let check = parse("check-data --data d").expect("a subcommand");
        assert_eq!(check.command, Some(Command::CheckData { data: PathBuf::from("d") }));
        let resolve = parse("resolve --take mine --config c.json --node a").expect("a subcommand");
        let (data, node) = (PathBuf::from("hyperion-data"), Some("a".to_owned()));
        let config = Some(PathBuf::from("c.json"));
        let expected = Command::Resolve { take: "mine".to_owned(), config, data, node };
        assert_eq!(resolve.command, Some(expected));
        let recover = parse("recover --unsafe --data d").expect("a subcommand");
        let data = PathBuf::from("d");
        let expected = Command::Recover { is_unsafe: true, yes: false, config: None, data };
        assert_eq!(recover.command, Some(expected));
        let import = parse("import --from redis://h:1/2").expect("a subcommand");
        let expected = Command::Import {
            from: Some("redis://h:1/2".to_owned()),
            rdb: None,
            to: "127.0.0.1:7379".to_owned(),
            state: PathBuf::from("hyperion-import.json"),
            compare_every: 1,
        };
        assert_eq!(import.command, Some(expected));
        let hash = parse("hash-password").expect("a subcommand");
        assert_eq!(hash.command, Some(Command::HashPassword));
    }

    #[test]
    fn bad_flags_are_one_sentence_and_exit_64() {
        for (line, expected) in [
            ("--peer 127.0.0.1:7381", "--peer"),
            ("--sql 127.0.0.1:7432", "--sql"),
            ("--cores 3-0", "3-0"),
            ("--cores x", "0-3"),
            ("--resp localhost:1", "give an IP address and a port"),
            ("--durability sometimes", "always"),
            ("--storage tape", "disk"),
            ("--resp-cores 70000", "70000"),
            ("--config", "--config"),
            ("--pretend-protocol 2-1", "the older one first"),
            ("nonsense", "nonsense"),
            ("import", "--from"),
            ("restore --from s.json --config c.json --data d", "--node"),
            ("import --from a:1 --rdb f", "--rdb"),
            ("resolve", "--take"),
            ("resolve --take yours", "mine"),
        ] {
            let stop = parse(line).expect_err(line);
            assert_eq!(stop.exit_code, EXIT_BAD_FLAGS, "{line}");
            assert!(stop.text.contains(expected), "{line}: {}", stop.text);
            assert!(!stop.text.contains('\n'), "{line}: {}", stop.text);
        }
        assert_eq!(parse("--help").expect_err("help stops").exit_code, 0);
        assert_eq!(parse("--version").expect_err("version stops").exit_code, 0);
    }
}

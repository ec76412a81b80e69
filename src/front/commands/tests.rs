//! Tests of what the commands of the front read and write, without a ring.

use std::path::Path;

use hyperion_engine::acl::Users;
use hyperion_model::Databases;
use hyperion_runtime::ConnectionId;
use hyperion_wire::Protocol;

use super::super::client::Client;
use super::amend::failure;
use super::art::lolwut;
use super::asks::{Asker, FrontPart};
use super::client_filter::{Candidate, ClientFilter, ClientKind};
use super::client_line::{Whereabouts, client_line};
use super::config::{chosen, parse_set};
use super::connection::{Hello, attribute, client_name, database};
use super::debug::sleep_time;
use super::info::info_text;
use super::info_sections::{Facts, human};
use super::parameter_values::memory;
use super::parameters::PARAMETERS;
use super::parameters_redis::REDIS_PARAMETERS;
use super::process::{Process, ProcessorTimes, processor_times, resident_bytes};
use super::whole::{Whole, put_together};
use crate::config::{Durability, LogLevel, Problem, Refused, Resolved, Settings};
use crate::http::ChangeError;
use crate::node::CoreFigures;
use crate::snapshot::SaveFacts;

/// Words of a command line: blanks between them, `''` for an empty one.
fn words(line: &str) -> Vec<&[u8]> {
    line.split_whitespace()
        .map(|word| if word == "''" { &b""[..] } else { word.as_bytes() })
        .collect()
}

fn resolved() -> Resolved {
    let folder = crate::config::tests::Folder::new();
    let keeper = crate::config::tests::keeper_at(
        &folder.path().join("config.json"),
        crate::config::tests::config(),
    );
    Resolved::clone(&keeper.current().resolved)
}

#[test]
fn hello_is_read_as_redis_reads_it() {
    let resp3 = Hello { protocol: Some(Protocol::Resp3), ..Hello::default() };
    let user: Option<(&[u8], &[u8])> = Some((b"default", b"x"));
    for (line, expected) in [
        ("", Ok(Hello::default())),
        ("3", Ok(Hello { protocol: Some(Protocol::Resp3), ..Hello::default() })),
        ("4", Err("NOPROTO unsupported protocol version")),
        ("a", Err("ERR Protocol version is not an integer or out of range")),
        ("3 foo", Err("ERR Syntax error in HELLO option 'foo'")),
        ("3 auth default", Err("ERR Syntax error in HELLO option 'auth'")),
        ("3 AUTH default x", Ok(Hello { credentials: user, ..resp3 })),
        (
            "2 setname n auth default x",
            Ok(Hello {
                protocol: Some(Protocol::Resp2),
                credentials: user,
                name: Some("n".to_owned()),
            }),
        ),
        (
            "3 setname \u{e4}",
            Err("ERR Client names cannot contain spaces, newlines or special characters."),
        ),
    ] {
        let expected = expected.map_err(str::to_owned);
        assert_eq!(Hello::parse(&words(line)), expected, "line {line}");
    }
}

#[test]
fn names_and_databases_have_their_bounds() {
    assert_eq!(client_name(b""), Ok(String::new()));
    assert!(client_name(b"a b").is_err());
    assert!(client_name(&[b'a'; 4_097]).is_err_and(|error| error.contains("4097")));
    assert_eq!(
        attribute("lib-ver", b"1\n"),
        Err("ERR lib-ver cannot contain spaces, newlines or special characters.".to_owned())
    );
    for (text, expected) in [
        ("15", Ok(15)),
        ("16", Err("ERR DB index is out of range")),
        ("-1", Err("ERR DB index is out of range")),
        ("256", Err("ERR DB index is out of range")),
        ("2147483647", Err("ERR DB index is out of range")),
        (
            "2147483648",
            Err("ERR value is out of range, value must between -2147483648 and 2147483647"),
        ),
        ("a", Err("ERR value is not an integer or out of range")),
    ] {
        let found = database(text.as_bytes());
        assert_eq!(found, expected.map_err(str::to_owned), "text {text}");
    }
}

const CANDIDATE: Candidate<'_> = Candidate {
    number: 7,
    peer: "127.0.0.1:50000",
    local: "127.0.0.1:7379",
    age_s: 10,
    user: "default",
    kind: ClientKind::Normal,
};

#[test]
fn client_kill_filters_are_read_and_applied() {
    for (line, expected) in [
        ("id 7", Ok(true)),
        ("id 8", Ok(false)),
        ("id 8 id 7", Ok(true)),
        ("id 0", Err("ERR client-id should be greater than 0")),
        ("id a", Err("ERR client-id should be greater than 0")),
        ("addr 127.0.0.1:50000", Ok(true)),
        ("ADDR 127.0.0.1:50001", Ok(false)),
        ("laddr 127.0.0.1:7379 type normal", Ok(true)),
        ("type pubsub", Ok(false)),
        ("type foo", Err("ERR Unknown client type 'foo'")),
        ("user default", Ok(true)),
        ("user nobody", Err("ERR No such user 'nobody'")),
        ("maxage 10", Ok(true)),
        ("maxage 11", Ok(false)),
        ("maxage 0", Err("ERR maxage should be greater than 0")),
        ("maxage x", Err("ERR maxage is not an integer or out of range")),
        ("skipme x", Err("ERR syntax error")),
        ("id 7 x", Err("ERR syntax error")),
        ("foo 1", Err("ERR syntax error")),
    ] {
        let found = ClientFilter::parse_kill(&words(line), 1, &Users::default())
            .map(|filter| filter.fits(CANDIDATE));
        assert_eq!(found, expected.map_err(str::to_owned), "line {line}");
    }
    let spares_itself =
        ClientFilter::parse_kill(&words("type normal"), 7, &Users::default()).expect("a filter");
    assert!(!spares_itself.fits(CANDIDATE));
    let all =
        ClientFilter::parse_kill(&words("skipme no"), 7, &Users::default()).expect("a filter");
    assert!(all.fits(CANDIDATE));
    assert!(
        ClientFilter::of_peer(b"127.0.0.1:50000").fits(CANDIDATE),
        "the old form spares nobody"
    );
}

#[test]
fn client_list_filters_are_read_and_applied() {
    for (line, expected) in [
        ("", Ok(true)),
        ("type normal", Ok(true)),
        ("type master", Ok(false)),
        ("type foo", Err("ERR Unknown client type 'foo'")),
        ("id 1 7", Ok(true)),
        ("id 1", Ok(false)),
        ("id", Err("ERR syntax error")),
        ("id -1", Ok(false)),
        ("id a", Err("ERR Invalid client ID")),
        ("foo", Err("ERR syntax error")),
        ("type normal x", Err("ERR syntax error")),
    ] {
        let found = ClientFilter::parse_list(&words(line)).map(|filter| filter.fits(CANDIDATE));
        assert_eq!(found, expected.map_err(str::to_owned), "line {line}");
    }
}

#[test]
fn the_line_about_a_client_has_the_fields_that_tools_read() {
    let connection = ConnectionId { index: 0, generation: 0 };
    let mut client = Client::new(
        connection,
        7,
        crate::front::Arrival::Plain,
        0,
        Users::default().default_user(),
    );
    client.session.name = "n".to_owned();
    client.session.library_name = "lib".to_owned();
    let place =
        Whereabouts { peer: CANDIDATE.peer, local: CANDIDATE.local, fd: 9, age_s: 10, idle_s: 2 };
    let line = client_line(&place, &client, Databases::default(), "get");
    let begin = "id=7 addr=127.0.0.1:50000 laddr=127.0.0.1:7379 fd=9 name=n age=10 idle=2 flags=N db=0 \
         sub=0 psub=0 ssub=0 multi=-1 qbuf=0 qbuf-free=0 ";
    assert!(line.starts_with(begin), "line {line}");
    assert!(
        line.ends_with("events=r cmd=get user=default redir=-1 resp=2 lib-name=lib lib-ver=\n"),
        "line {line}"
    );
    client.session.no_evict = true;
    client.is_closing = true;
    let unix = Whereabouts { local: "/run/hyperion.sock:0", ..place };
    assert!(client_line(&unix, &client, Databases::default(), "get").contains(" flags=ceU "));
    // Who asks has not done with its own line.
    client.line_bytes = super::client_line::line_bytes(&[b"CLIENT", b"LIST"]);
    assert!(client_line(&unix, &client, Databases::default(), "client|list").contains(" qbuf=26 "));
    assert!(client_line(&unix, &client, Databases::default(), "get").contains(" qbuf=0 "));
}

#[test]
fn parts_of_all_cores_become_one_answer() {
    let line = |number: u64| (number, format!("{number}\n"));
    let asker =
        |wants_word, closes| FrontPart::Asker(Asker { wants_word, closes, ..Asker::default() });
    for (parts, expected) in [
        (
            vec![
                asker(false, false),
                FrontPart::Lines(vec![line(3), line(1)]),
                FrontPart::Lines(vec![line(2)]),
            ],
            (Whole::Text("1\n2\n3\n".to_owned()), false),
        ),
        (
            vec![asker(false, false), FrontPart::Lines(Vec::new())],
            (Whole::Text(String::new()), false),
        ),
        (
            vec![asker(false, true), FrontPart::Count(2), FrontPart::Count(1)],
            (Whole::Count(3), true),
        ),
        (
            vec![asker(true, false), FrontPart::Count(0), FrontPart::Count(1)],
            (Whole::Found(true), false),
        ),
        (
            vec![asker(true, false), FrontPart::Count(0), FrontPart::Count(0)],
            (Whole::Found(false), false),
        ),
        (vec![asker(false, false), FrontPart::Done, FrontPart::Done], (Whole::Done, false)),
    ] {
        let shown = format!("{parts:?}");
        let (whole, asker) = put_together(parts);
        assert_eq!((whole, asker.closes), expected, "parts {shown}");
    }
}

#[test]
fn every_parameter_is_there_once_in_order_and_shows_a_value() {
    for list in [&PARAMETERS[..], REDIS_PARAMETERS] {
        assert!(list.windows(2).all(|pair| pair[0].name < pair[1].name));
    }
    assert!(PARAMETERS.iter().all(|one| REDIS_PARAMETERS.iter().all(|it| it.name != one.name)));
    let config = resolved();
    for (name, expected) in [
        ("appendfsync", "always"),
        ("appendonly", "yes"),
        ("databases", "16"),
        ("io-threads", "2"),
        ("loglevel", "notice"),
        ("maxclients", "10000"),
        ("maxmemory-policy", "noeviction"),
        ("port", "7379"),
        ("requirepass", ""),
        ("save", ""),
        ("dir", "/data"),
        ("proto-max-bulk-len", "536870912"),
    ] {
        let found: Vec<String> = chosen(&[name.as_bytes()])
            .map(|parameter| parameter.show(&config, Path::new("/data")))
            .collect();
        assert_eq!(found, [expected], "parameter {name}");
    }
    let names = |patterns: &[&[u8]]| chosen(patterns).map(|found| found.name).collect::<Vec<_>>();
    assert_eq!(
        names(&[b"MAXMEMORY", b"maxmemory", b"maxmemory-policy", b"port"]),
        ["maxmemory", "maxmemory-policy", "port"]
    );
    // But for the one that is told to who names it whole.
    assert_eq!(names(&[b"*"]).len(), PARAMETERS.len() + REDIS_PARAMETERS.len() - 1);
    assert_eq!(names(&[b"key-load*", b"key-load-delay"]), ["key-load-delay"]);
    assert_eq!(names(&[b"nothing"]), Vec::<&str>::new());
}

#[test]
fn config_set_refuses_with_the_words_of_redis() {
    for (line, expected) in [
        ("", "ERR wrong number of arguments for 'config|set' command"),
        ("a", "ERR wrong number of arguments for 'config|set' command"),
        ("a b", "ERR Unknown option or number of arguments for CONFIG SET - 'a'"),
        ("maxmemory 100mb foo", "ERR syntax error"),
        (
            "maxmemory x",
            "ERR CONFIG SET failed (possibly related to argument 'maxmemory') - argument must be a memory value",
        ),
        (
            "maxmemory 1 MAXMEMORY 2",
            "ERR CONFIG SET failed (possibly related to argument 'maxmemory') - duplicate parameter",
        ),
        (
            "databases 4",
            "ERR CONFIG SET failed (possibly related to argument 'databases') - can't set immutable config",
        ),
        (
            "appendfsync x",
            "ERR CONFIG SET failed (possibly related to argument 'appendfsync') - argument(s) must be one of the \
             following: everysec, always, no",
        ),
        (
            "maxmemory-policy lru",
            "ERR CONFIG SET failed (possibly related to argument 'maxmemory-policy') - argument(s) must be one of the following: \
             volatile-lru, volatile-lfu, volatile-random, volatile-ttl, allkeys-lru, allkeys-lfu, allkeys-random, noeviction",
        ),
        (
            "timeout x",
            "ERR CONFIG SET failed (possibly related to argument 'timeout') - argument couldn't be parsed into an integer",
        ),
        (
            "timeout -1",
            "ERR CONFIG SET failed (possibly related to argument 'timeout') - argument must be between 0 and 4294967295 \
             inclusive",
        ),
        // With less no command could be read that takes it back.
        (
            "proto-max-bulk-len 1048575",
            "ERR CONFIG SET failed (possibly related to argument 'proto-max-bulk-len') - argument must be between 1048576 \
             and 9223372036854775807 inclusive",
        ),
        (
            "slowlog-log-slower-than -2",
            "ERR CONFIG SET failed (possibly related to argument 'slowlog-log-slower-than') - argument must be between -1 \
             and 9223372036854775807 inclusive",
        ),
    ] {
        let found = parse_set(&words(line)).err();
        assert_eq!(found.as_deref(), Some(expected), "line {line}");
    }
    assert!(parse_set(&words("save x")).is_err());
    assert!(parse_set(&[b"requirepass", &[b'a'; 513]]).is_err());
}

#[test]
fn config_set_changes_the_settings_it_names() {
    let line = "maxmemory 100mb appendfsync everysec timeout 30 maxclients 5 loglevel warning save '' \
         maxmemory-policy ALLKEYS-LFU proto-max-bulk-len 1mb requirepass secret";
    let mut settings = Settings { sync_interval_ms: 5_000, ..Settings::default() };
    for (_, setting) in parse_set(&words(line)).expect("a right line") {
        setting(&mut settings);
    }
    assert_eq!(settings.memory_bytes_max.as_ref().map(crate::config::Size::bytes), Some(100 << 20));
    assert_eq!((settings.durability, settings.sync_interval_ms), (Durability::Interval, 1_000));
    assert_eq!((settings.limits.idle_timeout_s, settings.limits.clients), (30, 5));
    assert_eq!((settings.log_level, settings.eviction.as_str()), (LogLevel::Warn, "allkeys-lfu"));
    assert_eq!(settings.limits.value_bytes.bytes(), 1 << 20);
    assert!(settings.auth.password_hash.as_ref().is_some_and(|hash| hash.starts_with("sha256:")));
    for (_, setting) in parse_set(&words("requirepass '' maxmemory 0")).expect("a right line") {
        setting(&mut settings);
    }
    assert_eq!((settings.auth.password_hash, settings.memory_bytes_max), (None, None));
}

#[test]
fn what_the_keeper_refuses_names_the_parameter() {
    let parameters: Vec<_> = parse_set(&words("timeout 1 maxclients 1"))
        .expect("a right line")
        .into_iter()
        .map(|(parameter, _)| parameter)
        .collect();
    let problem = Problem::at("/settings/limits/clients", "0 is out of range", "give 1 to 9");
    let elsewhere = Problem::at("/nodes/0/resp", "it is open", "set a password");
    for (error, expected) in [
        (
            ChangeError::Refused(Refused::Invalid(vec![problem])),
            "ERR CONFIG SET failed (possibly related to argument 'maxclients') - 0 is out of range; give 1 to 9",
        ),
        (
            ChangeError::Refused(Refused::Invalid(vec![elsewhere])),
            "ERR CONFIG SET failed - /nodes/0/resp: it is open; set a password",
        ),
        (
            ChangeError::NotApplied("core 1 did not answer".to_owned()),
            "ERR CONFIG SET was written but is not in force everywhere: core 1 did not answer",
        ),
    ] {
        assert_eq!(failure("CONFIG SET", &error, &parameters), expected);
    }
}

#[test]
fn memory_values_have_the_units_of_redis() {
    for (text, expected) in [
        ("0", Some(0)),
        ("1b", Some(1)),
        ("1k", Some(1_000)),
        ("1KB", Some(1_024)),
        ("2m", Some(2_000_000)),
        ("2Mb", Some(2 << 20)),
        ("3g", Some(3_000_000_000)),
        ("3gb", Some(3 << 30)),
        ("", None),
        ("mb", None),
        ("1kk", None),
        ("-1", None),
        ("1.5g", None),
        ("18446744073709551615gb", None),
        ("18446744073709551616", None),
    ] {
        assert_eq!(memory(text.as_bytes()).ok(), expected, "text {text}");
    }
}

fn facts<'a>(config: &'a Resolved, cores: &'a [CoreFigures]) -> Facts<'a> {
    Facts {
        cores,
        config,
        config_path: Path::new("/etc/hyperion.json"),
        run_id: "0123456789abcdef",
        process: Process { resident_bytes: 3 << 20, ..Process::default() },
        process_id: 42,
        clients_max: 10_000,
        now_ms: 100_000_000,
        started_ms: 10_000_000,
        clients: 3,
        slow_commands: 0,
        used_peak: 4_000,
        own_tracks: 0,
        scripts: 3,
        script_bytes: 60,
        functions: 2,
        replicas: vec!["127.0.0.1:7389".parse().expect("an address")],
        position: 77,
        saves: SaveFacts { last_save_s: 10_000, last_is_ok: true, ..SaveFacts::default() },
    }
}

#[test]
fn info_adds_the_cores_up_and_gives_the_sections_asked_for() {
    let config = resolved();
    let mut one = CoreFigures::default();
    let get = hyperion_engine::command::find(b"get").expect("GET is there").index();
    one.counters.commands[get] = 64;
    one.counters.sampled[get].add(std::time::Duration::from_micros(2));
    one.counters.error(b"ERR no");
    one.counters.error(b"ERR");
    one.counters.error(b"OOM command not allowed");
    one.databases[0] = (5, 1, 700);
    one.store.held_bytes = 1_000;
    one.store.index_bytes = 548;
    one.store.used_bytes = 1_548;
    let cores = [one.clone(), one];
    let facts = facts(&config, &cores);
    let text = |line: &str| info_text(&facts, &words(line));
    for (line, expected) in [
        ("keyspace", "# Keyspace\r\ndb0:keys=10,expires=2,avg_ttl=700\r\n"),
        (
            "COMMANDSTATS",
            "# Commandstats\r\ncmdstat_get:calls=128,usec=256,usec_per_call=2.00,rejected_calls=0,failed_calls=0\r\n",
        ),
        (
            "cluster keyspace cluster",
            "# Cluster\r\ncluster_enabled:0\r\n\r\n# Keyspace\r\ndb0:keys=10,expires=2,avg_ttl=700\r\n",
        ),
        ("nothing", ""),
    ] {
        assert_eq!(text(line), expected, "line {line}");
    }
    assert!(text("memory").contains(
        "\r\nused_memory:1051672\r\nused_memory_human:1.00M\r\nused_memory_peak:1052576\r\nused_memory_peak_human:1.00M\r\n"
    ));
    assert!(text("server").contains("\r\nuptime_in_seconds:90000\r\nuptime_in_days:1\r\n"));
    assert!(text("replication").contains(
        "\r\nconnected_slaves:1\r\nslave0:ip=127.0.0.1,port=7389,state=online,offset=77,lag=0\r\n"
    ));
    assert!(text("replication").contains("\r\nmaster_repl_offset:77\r\n"));
    let titles = |line: &str| text(line).matches("# ").count();
    assert_eq!(
        (titles(""), titles("default"), titles("all"), titles("everything")),
        (10, 10, 13, 14)
    );
    assert!(text("errorstats").ends_with("errorstat_ERR:count=4\r\nerrorstat_OOM:count=2\r\n"));
    assert_eq!(
        text("latencystats"),
        "# Latencystats\r\nlatency_percentiles_usec_get:p50=2.000,p99=2.000,p99.9=2.000\r\n"
    );
    for row in text("all").split("\r\n").filter(|row| !row.is_empty() && !row.starts_with("# ")) {
        assert!(row.split_once(':').is_some_and(|(name, _)| !name.is_empty()), "row {row}");
    }
}

/// What Redis 7.0 has in INFO and a node by itself did not: monitors ask for all of it.
#[test]
fn info_has_the_fields_that_monitors_read() {
    let (config, cores) = (resolved(), [CoreFigures::default()]);
    let text = info_text(&facts(&config, &cores), &words("everything"));
    let missing: Vec<&str> = "
        active_defrag_key_hits active_defrag_key_misses allocator_frag_bytes allocator_frag_ratio allocator_rss_bytes
        allocator_rss_ratio aof_base_size aof_delayed_fsync aof_rewrites aof_rewrites_consecutive_failures
        client_recent_max_input_buffer client_recent_max_output_buffer current_active_defrag_time current_cow_peak
        current_cow_size current_cow_size_age current_eviction_exceeded_time current_fork_perc
        current_save_keys_processed current_save_keys_total dump_payload_sanitizations evicted_clients
        expire_cycle_cpu_milliseconds expired_stale_perc expired_time_cap_reached_count
        instantaneous_input_repl_kbps instantaneous_output_repl_kbps io_threaded_reads_processed
        io_threaded_writes_processed mem_cluster_links mem_total_replication_buffers module_fork_in_progress
        module_fork_last_cow_size number_of_functions rdb_last_load_keys_expired rdb_last_load_keys_loaded
        rss_overhead_bytes rss_overhead_ratio total_active_defrag_time total_eviction_exceeded_time
        total_net_repl_input_bytes total_net_repl_output_bytes unexpected_error_replies used_memory_functions
        used_memory_lua used_memory_lua_human used_memory_scripts used_memory_scripts_eval used_memory_scripts_human
        used_memory_vm_eval used_memory_vm_functions used_memory_vm_total used_memory_vm_total_human"
        .split_whitespace()
        .filter(|name| !text.contains(&format!("\r\n{name}:")))
        .collect();
    assert_eq!(missing, Vec::<&str>::new());
    let (mut names, mut twice) = (std::collections::BTreeSet::new(), Vec::new());
    for name in text.split("\r\n").filter_map(|row| row.split_once(':')).map(|(name, _)| name) {
        if !names.insert(name) {
            twice.push(name);
        }
    }
    assert_eq!(twice, Vec::<&str>::new());
}

#[test]
fn bytes_are_shown_as_redis_shows_them() {
    for (bytes, expected) in [
        (0, "0B"),
        (1_023, "1023B"),
        (1_024, "1.00K"),
        (1_136_776, "1.08M"),
        (25_276_514_304, "23.54G"),
        (u64::MAX, "16.00E"),
    ] {
        assert_eq!(human(bytes), expected, "bytes {bytes}");
    }
}

#[test]
fn the_kernels_files_are_read() {
    assert_eq!(resident_bytes("VmPeak:\t 9 kB\nVmRSS:\t    12 kB\n"), 12 << 10);
    assert_eq!(resident_bytes(""), 0);
    let stat = "7 (a) b) S 1 2 3 4 5 6 7 8 9 10 150 25 3 4 20 0";
    let expected = ProcessorTimes {
        user_us: 1_500_000,
        system_us: 250_000,
        children_user_us: 30_000,
        children_system_us: 40_000,
    };
    assert_eq!(processor_times(stat), expected);
    assert_eq!(processor_times(""), ProcessorTimes::default());
    assert!(Process::read().resident_bytes > 0, "this process has memory");
}

#[test]
fn sleeping_times_are_bounded() {
    for (text, expected) in [
        ("0.5", Some(500)),
        ("-1", Some(0)),
        ("inf", Some(86_400_000)),
        ("1e300", Some(86_400_000)),
        ("x", None),
        ("nan", None),
    ] {
        let found = sleep_time(text.as_bytes()).ok().map(|time| time.as_millis());
        assert_eq!(found, expected, "text {text}");
    }
}

#[test]
fn the_picture_is_the_same_for_the_same_version_and_fits_a_terminal() {
    for version in [0, 1, 2, 3, 4, 5, 6, 7, 8, -1, i64::MAX, i64::MIN] {
        let text = lolwut(version);
        assert_eq!(text, lolwut(version), "version {version}");
        let end = format!("Hyperion ver. {}\n", env!("CARGO_PKG_VERSION"));
        assert!(text.ends_with(&end), "version {version}");
        assert!(text.lines().all(|line| line.len() <= 78), "version {version}");
        assert!(text.lines().take(20).any(|line| !line.is_empty()), "version {version}");
    }
}

/// Lines of words that mean something in the wrong places, and of bytes that mean nothing.
#[test]
fn no_line_of_words_breaks_a_reader() {
    const WORDS: [&[u8]; 16] = [
        b"",
        b"3",
        b"auth",
        b"setname",
        b"id",
        b"type",
        b"normal",
        b"skipme",
        b"maxage",
        b"maxmemory",
        b"save",
        b"-1",
        b"18446744073709551616",
        b"\xff\xfe",
        b"\r\n",
        b"requirepass",
    ];
    let mut seed = 1_u64;
    for _ in 0..20_000 {
        let mut line = Vec::new();
        for _ in 0..5 {
            seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            if seed >> 62 == 0 {
                break;
            }
            line.push(WORDS[usize::try_from((seed >> 40) & 15).expect("below 16")]);
        }
        let _ = Hello::parse(&line);
        let _ = ClientFilter::parse_list(&line);
        let _ = ClientFilter::parse_kill(&line, 1, &Users::default());
        let _ = parse_set(&line);
    }
}

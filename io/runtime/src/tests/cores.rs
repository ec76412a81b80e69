//! Mail, notes, ticks, guests, starting and stopping.

use std::{
    io::{Read, Write},
    sync::mpsc,
    time::Duration,
};

use super::harness::{Echo, HANG, LEVELS, cpus, options, start};
use crate::{
    CoreError, Postboxes, RuntimeError, RuntimeOptions, guests, run, run::locked_memory_error,
};

/// Mail beyond a turn's time stays in its box for the next, in order.
#[test]
fn mail_beyond_a_turn_goes_on_in_the_next() {
    for level in LEVELS {
        let Some(echoes) = start(&options(level, 2)) else { continue };
        echoes.ask(1, |echo, _| echo.slow = true);
        echoes.ask(0, |echo, _| echo.to_post = (0..50).rev().map(|mail| (1, mail)).collect());
        let mails = echoes.wait(1, |echo, _| (echo.mails.len() == 50).then(|| echo.mails.clone()));
        assert_eq!(mails, (0..50).map(|mail| (0, mail)).collect::<Vec<_>>(), "level {level}");
        assert!(echoes.ask(1, |_, io| io.stats().turns_cut) > 0, "level {level}");
    }
}

/// A box of four and a thousand mails each way: each arrives once and in order, with retries when
/// the box was full.
#[test]
fn mail_between_cores_survives_a_full_box() {
    for level in LEVELS {
        let mut options = options(level, 2);
        options.mailbox_capacity = 4;
        let Some(echoes) = start(&options) else { continue };
        for core in 0..2_usize {
            // The last is posted first.
            echoes.ask(core, move |echo, _| {
                echo.to_post = (0..1000).rev().map(|mail| (1 - core, mail)).collect();
            });
        }
        for core in 0..2_usize {
            echoes.wait(core, |echo, _| (echo.mails.len() == 1000).then_some(()));
            let (mails, stats) = echoes.ask(core, |echo, io| (echo.mails.clone(), *io.stats()));
            let expected: Vec<_> = (0..1000).map(|mail| (1 - core, mail)).collect();
            assert_eq!(mails, expected, "level {level} core {core}");
            assert_eq!((stats.mail_sent, stats.mail_received), (1000, 1000), "level {level}");
            assert!(stats.mail_refused > 0, "level {level}: the box was never full");
        }
    }
}

/// Nothing but the note can wake the core: its tick is an hour away.
#[test]
fn a_note_wakes_a_parked_core() {
    for level in LEVELS {
        let mut options = options(level, 2);
        options.tick_interval = Duration::from_secs(3600);
        let Some(echoes) = start(&options) else { continue };
        for _ in 0..50 {
            let parks = echoes.wait(1, |_, io| Some(io.stats().parks));
            std::thread::sleep(Duration::from_millis(1));
            assert!(echoes.ask(1, |_, io| io.stats().parks) >= parks, "level {level}");
        }
        // And mail wakes one too.
        echoes.ask(0, |echo, _| echo.to_post.push((1, 7)));
        echoes.wait(1, |echo, _| (echo.mails == [(0, 7)]).then_some(()));
    }
}

#[test]
fn ticks_come_without_traffic() {
    for level in LEVELS {
        let mut options = options(level, 1);
        options.tick_interval = Duration::from_millis(5);
        let Some(echoes) = start(&options) else { continue };
        echoes.wait(0, |echo, _| (echo.ticks > 3).then_some(()));
    }
}

#[test]
fn ticks_come_more_often_when_the_core_says_so() {
    let mut options = options(LEVELS[0], 1);
    options.tick_interval = Duration::from_secs(3600);
    let echoes = start(&options).unwrap();
    assert_eq!(echoes.ask(0, |echo, _| echo.ticks), 0);
    echoes.ask(0, |_, io| io.tick_every(Duration::from_millis(5)));
    echoes.wait(0, |echo, _| (echo.ticks > 3).then_some(()));
}

#[test]
fn wake_again_runs_another_turn() {
    let mut options = options(LEVELS[0], 1);
    options.tick_interval = Duration::from_secs(3600);
    let echoes = start(&options).unwrap();
    let before = echoes.ask(0, |_, io| io.stats().parks);
    for _ in 0..10 {
        echoes.ask(0, |_, io| io.wake_again());
    }
    assert!(echoes.ask(0, |_, io| io.stats().turns) >= before + 10);
}

#[test]
fn a_turn_begins_when_it_was_asked_for() {
    let mut options = options(LEVELS[0], 1);
    options.tick_interval = Duration::from_secs(3600);
    let echoes = start(&options).unwrap();
    let (before, at_ns) = echoes.ask(0, |_, io| {
        let at_ns = io.now_ns() + 20_000_000;
        io.wake_at(at_ns + 3_600_000_000_000);
        io.wake_at(at_ns);
        (io.stats().turns, at_ns)
    });
    // Nothing else happens on the core: the turn after the one that slept is the one that was asked for.
    std::thread::sleep(Duration::from_millis(200));
    let (turns, wake_at_ns) = echoes.ask(0, |_, io| (io.stats().turns, io.wake_at_ns));
    assert!(turns >= before + 2, "{turns} turns, {before} before {at_ns}");
    assert_eq!(wake_at_ns, u64::MAX);
}

/// A guest on a glommio timer and a busy network both get on, and the core can sleep in its ring
/// again after.
#[test]
fn guests_and_a_busy_network_both_progress() {
    for level in LEVELS {
        let Some(echoes) = start(&options(level, 1)) else { continue };
        let (done, guest) = mpsc::channel();
        echoes.ask(0, move |_, _| {
            guests::spawn(async move {
                for _ in 0..20 {
                    guests::outside(glommio::timer::sleep(Duration::from_millis(3))).await;
                }
                done.send(()).unwrap();
            });
        });
        let mut stream = echoes.connect();
        let mut exchange = |byte: u8| {
            stream.write_all(&[byte; 64]).unwrap();
            let mut back = [0; 64];
            stream.read_exact(&mut back).unwrap();
            assert_eq!(back, [byte; 64], "level {level}");
        };
        let begin = std::time::Instant::now();
        let mut rounds = 0_u64;
        while guest.try_recv().is_err() {
            exchange((rounds % 251).try_into().unwrap());
            rounds += 1;
            assert!(begin.elapsed() < HANG, "level {level}: the guest starves");
        }
        assert!(rounds > 0, "level {level}: the network starves");
        (0..50).for_each(&mut exchange);
        // A guest alone, without traffic.
        let (done, guest) = mpsc::channel();
        echoes.ask(0, move |_, _| {
            guests::spawn(async move {
                guests::outside(glommio::timer::sleep(Duration::from_millis(3))).await;
                done.send(()).unwrap();
            });
        });
        guest.recv_timeout(HANG).unwrap();
        (0..50).for_each(&mut exchange);
    }
}

#[test]
fn a_core_that_cannot_be_made_stops_all() {
    let options = RuntimeOptions { cpus: cpus(2), ..RuntimeOptions::default() };
    let postboxes = Postboxes::new(2).unwrap();
    let handles = run(&options, &postboxes, |core, _| match core {
        0 => Ok(Echo::default()),
        _ => Err("no disk"),
    });
    match handles.unwrap().join() {
        Err(CoreError::Make { core: 1, error: "no disk" }) => {}
        other => panic!("{other:?}"),
    }
}

/// Stopped with bytes in flight in both directions and a receive armed: the ring lets go of
/// everything.
#[test]
fn stop_and_join_in_the_middle_of_traffic() {
    for level in LEVELS {
        let Some(mut echoes) = start(&options(level, 2)) else { continue };
        let mut stream = echoes.connect();
        stream.set_nonblocking(true).unwrap();
        while stream.write(&[1; 65_536]).is_ok() {}
        echoes.ask(0, |_, io| io.stop());
        echoes.ask(1, |_, io| io.stop());
        echoes.join().unwrap();
    }
}

#[test]
fn what_cannot_start_says_why() {
    let good = || RuntimeOptions { cpus: cpus(1), ..RuntimeOptions::default() };
    let rows = [
        (RuntimeOptions { cpus: vec![1023], ..good() }, "cpu 1023 is not available"),
        (RuntimeOptions { cpus: vec![], ..good() }, "option cpus"),
        (RuntimeOptions { receive_buffers: 3, ..good() }, "option receive_buffers cannot be 3"),
        (RuntimeOptions { mailbox_capacity: 0, ..good() }, "option mailbox_capacity cannot be 0"),
        (RuntimeOptions { accepts_a_turn: 0, ..good() }, "option accepts_a_turn cannot be 0"),
        (RuntimeOptions { tick_interval: Duration::ZERO, ..good() }, "option tick_interval"),
    ];
    for (options, expected) in rows {
        let postboxes = Postboxes::new(options.cpus.len()).unwrap();
        let result = run(&options, &postboxes, |_, _| Ok::<_, String>(Echo::default()));
        let error = result.err().expect(expected).to_string();
        assert!(error.contains(expected), "{error:?} does not say {expected:?}");
    }
    for error in [RuntimeError::RingMissing, RuntimeError::RingForbidden] {
        assert!(error.to_string().contains("io_uring"), "{error}");
    }
    let error = locked_memory_error(2).to_string();
    assert!(error.contains("ulimit -l") && error.contains("LimitMEMLOCK="), "{error}");
}

/// Nothing to do means no turns: not with an open connection, not with a guest that waits for long.
#[test]
fn an_idle_core_sleeps() {
    for level in LEVELS {
        let mut options = options(level, 2);
        options.tick_interval = Duration::from_secs(3600);
        let Some(echoes) = start(&options) else { continue };
        let mut stream = echoes.connect();
        stream.write_all(b"a").unwrap();
        stream.read_exact(&mut [0]).unwrap();
        for guest in [false, true] {
            if guest {
                echoes.ask(0, |_, _| {
                    guests::spawn(guests::outside(glommio::timer::sleep(HANG)));
                });
            }
            let before = echoes.ask(0, |_, io| io.stats().turns);
            std::thread::sleep(Duration::from_millis(100));
            let turns = echoes.ask(0, |_, io| io.stats().turns) - before;
            assert!(turns <= 10, "level {level}, guest {guest}: {turns} turns with nothing to do");
        }
    }
}

/// While a guest waits, each note wakes the core again. The kernel was seen to lose such wake-ups
/// (6.18, deferred task work) when they come through our ring's eventfd alone.
#[test]
fn notes_wake_a_core_that_sleeps_in_glommio() {
    for level in LEVELS {
        let mut options = options(level, 1);
        options.tick_interval = Duration::from_secs(3600);
        let Some(echoes) = start(&options) else { continue };
        echoes.ask(0, |_, _| {
            guests::spawn(guests::outside(glommio::timer::sleep(HANG * 10)));
        });
        for _ in 0..20 {
            std::thread::sleep(Duration::from_millis(5));
            echoes.ask(0, |_, _| ());
        }
    }
}

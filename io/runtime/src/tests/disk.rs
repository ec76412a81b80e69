//! Writes and syncs through the ring.

use std::{
    fs::{self, OpenOptions},
    io,
};

use super::harness::{LEVELS, options, start};
use crate::{
    FileId,
    arena::{self, ArenaView},
    files::{self, tests::Folder},
};

#[test]
fn writes_and_syncs_are_reported_once() {
    for level in LEVELS {
        let Some(echoes) = start(&options(level, 1)) else { continue };
        let folder = Folder::new("disk");
        let path = folder.path("log");
        let file = files::create_filled(&path, 1 << 20).unwrap();
        let id = echoes.ask(0, move |_, io| io.add_file(file));
        let bytes: &'static [u8] = vec![7; 300_000].leak();
        let busy = echoes.ask(0, move |_, io| {
            io.write(id, 4096, bytes, true, 1);
            io.write(id, 500_000, &bytes[..10], false, 2);
            io.sync(id, 3);
            io.write(id, 0, &[], false, 4);
            io.take_file(id).is_none()
        });
        assert!(busy, "level {level}: a file left while it was written");
        echoes.wait(0, |echo, _| (echo.files_done.len() >= 4).then_some(()));
        let done = echoes.ask(0, |echo, _| std::mem::take(&mut echo.files_done));
        let mut tokens: Vec<u64> = done.iter().map(|(token, _)| *token).collect();
        tokens.sort_unstable();
        assert_eq!(tokens, [1, 2, 3, 4], "level {level}");
        assert!(done.iter().all(|(_, result)| result.is_ok()), "level {level}: {done:?}");
        echoes.ask(0, move |_, io| io.write_inline(id, 1, b"inline")).unwrap();
        let file = echoes.ask(0, move |_, io| io.take_file(id)).expect("nothing is under way");
        drop(file);
        let found = fs::read(&path).unwrap();
        assert_eq!(found.len(), 1 << 20);
        assert!(found[4096..304_096] == *bytes, "level {level}");
        assert_eq!((&found[1..7], found[304_096]), (&b"inline"[..], 0), "level {level}");
        assert_eq!(found[500_000..500_010], [7; 10], "level {level}");
        // Dead ids are reported, not forgotten.
        echoes.ask(0, move |_, io| {
            io.sync(id, 9);
            io.write(FileId { index: 50, generation: 0 }, 0, b"x", true, 10);
            assert!(io.write_inline(id, 0, b"x").is_err());
            assert!(io.take_file(id).is_none());
        });
        echoes.wait(0, |echo, _| (echo.files_done.len() == 2).then_some(()));
        let done = echoes.ask(0, |echo, _| std::mem::take(&mut echo.files_done));
        for (token, result) in done {
            let kind = result.unwrap_err().kind();
            assert_eq!(kind, io::ErrorKind::NotFound, "level {level} token {token}");
        }
    }
}

/// The write fails, so the sync linked to it is cancelled: the write's error is the one that is
/// told, once.
#[test]
fn the_first_error_of_a_chain_is_told() {
    for level in LEVELS {
        let Some(echoes) = start(&options(level, 1)) else { continue };
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let folder = Folder::new("chain");
        let path = folder.path("read-only");
        fs::write(&path, b"x").unwrap();
        let read_only = fs::File::open(&path).unwrap();
        echoes.ask(0, move |_, io| {
            let (full, read_only) = (io.add_file(full), io.add_file(read_only));
            io.write(full, 0, b"bytes", true, 1);
            io.write(read_only, 0, b"bytes", true, 2);
        });
        echoes.wait(0, |echo, _| (echo.files_done.len() == 2).then_some(()));
        let mut done = echoes.ask(0, |echo, _| std::mem::take(&mut echo.files_done));
        done.sort_unstable_by_key(|(token, _)| *token);
        let errors: Vec<_> =
            done.into_iter().map(|(_, result)| result.unwrap_err().raw_os_error()).collect();
        assert_eq!(errors, [Some(libc::ENOSPC), Some(libc::EBADF)], "level {level}");
    }
}

/// Direct commits run on a thread of their own: all are reported, errors too, and what was begun before the end is on the disk.
#[test]
fn commits_of_an_arena_are_reported_and_finished() {
    let block = files::DIRECT_BLOCK_BYTES;
    for level in LEVELS {
        let Some(echoes) = start(&options(level, 1)) else { continue };
        let folder = Folder::new("commits");
        let path = folder.path("log");
        drop(files::create_filled(&path, 1 << 20).unwrap());
        let Some(direct) = files::open_direct(&path).unwrap() else { return };
        let read_only = fs::File::open(&path).unwrap();
        let memory = arena::allocate(1 << 20).unwrap();
        memory.fill(7);
        let memory: &'static [u8] = memory;
        let id = echoes.ask(0, move |_, io| io.add_file(direct));
        let busy = echoes.ask(0, move |_, io| {
            let (read_only, view) = (io.add_file(read_only), ArenaView::of(memory));
            for part in 0..8 {
                io.write_arena(id, view, part * block..(part + 1) * block, part as u64);
            }
            io.write_arena(read_only, view, 0..block, 8);
            io.take_file(id).is_none()
        });
        assert!(busy, "level {level}: a file left while it was written");
        echoes.wait(0, |echo, _| (echo.files_done.len() >= 9).then_some(()));
        let mut done = echoes.ask(0, |echo, _| std::mem::take(&mut echo.files_done));
        done.sort_unstable_by_key(|(token, _)| *token);
        let (_, refused) = done.pop().expect("nine were begun");
        assert_eq!(refused.unwrap_err().raw_os_error(), Some(libc::EBADF), "level {level}");
        assert!(done.iter().all(|(_, result)| result.is_ok()), "level {level}: {done:?}");
        echoes.ask(0, move |_, io| {
            io.write_arena(id, ArenaView::of(memory), 64 * block..128 * block, 9);
        });
        drop(echoes);
        let found = fs::read(&path).unwrap();
        let filled = found.iter().filter(|&&byte| byte == 7).count();
        assert_eq!(filled, 72 * block, "level {level}");
    }
}

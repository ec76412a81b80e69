//! Unix sockets: a stale file is replaced, a live one is not, and the mode is as asked.

use std::{
    fs,
    io::{Read, Write},
    os::unix::{
        fs::PermissionsExt,
        net::{UnixListener, UnixStream},
    },
};

use super::harness::{HANG, LEVELS, options, start};
use crate::files::tests::Folder;

#[test]
fn unix_sockets_echo() {
    for level in LEVELS {
        let Some(echoes) = start(&options(level, 1)) else { continue };
        let folder = Folder::new("unix");
        let path = folder.path("socket");
        drop(UnixListener::bind(&path).unwrap());
        let wanted = path.clone();
        let listener = echoes.ask(0, move |_, io| io.listen_unix(&wanted, 0o600)).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let mut stream = UnixStream::connect(&path).unwrap();
        stream.set_read_timeout(Some(HANG)).unwrap();
        stream.write_all(b"over a path").unwrap();
        let mut back = [0; 11];
        stream.read_exact(&mut back).unwrap();
        assert_eq!(&back, b"over a path", "level {level}");
        let peer = echoes.ask(0, |echo, io| io.peer(*echo.held.keys().next().unwrap()).to_string());
        assert_eq!(peer, format!("{}:0", path.display()), "level {level}");
        let wanted = path.clone();
        let error = echoes.ask(0, move |_, io| io.listen_unix(&wanted, 0o600)).unwrap_err();
        assert!(error.to_string().contains("answers on"), "{error}");
        echoes.ask(0, move |_, io| io.close_listener(listener));
        echoes.wait(0, {
            let path = path.clone();
            move |_, _| (!path.exists()).then_some(())
        });
        let file = folder.path("file");
        fs::write(&file, b"precious").unwrap();
        let wanted = file.clone();
        let error = echoes.ask(0, move |_, io| io.listen_unix(&wanted, 0o600)).unwrap_err();
        assert!(error.to_string().contains("no socket"), "{error}");
        assert_eq!(fs::read(&file).unwrap(), b"precious");
    }
}

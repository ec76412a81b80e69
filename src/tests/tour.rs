//! Owns the short tour through the commands that several tests take.

use super::client::{Client, Dice, pipeline};

/// Strings, counters, times to live, errors, pipelines and inline commands.
pub(crate) fn tour(client: &mut Client) {
    client.expect(&[
        ("PING", "PONG"),
        ("SET tour:a 1", "OK"),
        ("GET tour:a", "1"),
        ("INCRBY tour:a 41", "42"),
        ("APPEND tour:a x", "3"),
        ("INCR tour:a", "-ERR value is not an integer or out of range"),
        ("SET tour:a 2 NX", "nil"),
        ("SET tour:a 2 XX GET", "42x"),
        ("EXISTS tour:a tour:b tour:a", "2"),
        ("MSET tour:b 3 tour:c 4", "OK"),
        ("MGET tour:a tour:nothing tour:c", "[2 nil 4]"),
        ("EXPIRE tour:b 100", "1"),
        ("TTL tour:b", "100"),
        ("PERSIST tour:b", "1"),
        ("TTL tour:b", "-1"),
        ("TYPE tour:b", "string"),
        ("RENAME tour:b tour:d", "OK"),
        ("GET tour:b", "nil"),
        ("COPY tour:d tour:e", "1"),
        ("GETDEL tour:e", "3"),
        ("GET", "-ERR wrong number of arguments for 'get' command"),
        ("NOSUCH a b", "-ERR unknown command 'NOSUCH', with args beginning with: 'a' 'b' "),
        ("SETRANGE tour:r 3 abc", "6"),
        ("GETRANGE tour:r 3 -1", "abc"),
        ("DEL tour:a tour:b tour:c tour:d tour:r", "4"),
        ("ECHO hello", "hello"),
    ]);
    client.send(b"SET tour:inline \"a b\\x41\"\r\n\r\nGET tour:inline\nDEL tour:inline\r\n");
    assert_eq!([client.shown(), client.shown(), client.shown()], ["OK", "a bA", "1"]);
}

/// A thousand commands in one go: the answers are there, in order.
pub(crate) fn long_pipeline(client: &mut Client) {
    let lines = (0..500)
        .flat_map(|number| [format!("SET tour:{number} {number}"), format!("GET tour:{number}")]);
    client.send(&pipeline(lines));
    for number in 0..500 {
        assert_eq!((client.shown(), client.shown()), ("OK".to_owned(), number.to_string()));
    }
    client.send(&pipeline((0..500).map(|number| format!("DEL tour:{number}"))));
    for _ in 0..500 {
        assert_eq!(client.shown(), "1");
    }
}

/// Writes a value of so many bytes, reads it whole and in part, and leaves it. Gives its bytes.
pub(crate) fn large_value(client: &mut Client, key: &str, bytes: usize) -> Vec<u8> {
    let value = Dice(bytes as u64).bytes(bytes);
    client.set(key, &value);
    assert_eq!(client.ask(&format!("STRLEN {key}")), bytes.to_string());
    client.expect_bytes(key, &value);
    let middle = bytes / 2;
    let part = client.call(&[
        b"GETRANGE",
        key.as_bytes(),
        middle.to_string().as_bytes(),
        (middle + 9).to_string().as_bytes(),
    ]);
    assert_eq!(part, hyperion_wire::reply::Reply::Bulk(value[middle..middle + 10].to_vec()));
    value
}

/// What a random pipeline should answer, kept beside the node.
#[derive(Default)]
pub(crate) struct Model(std::collections::BTreeMap<u64, i64>);

impl Model {
    /// A random command over `keys` keys, and its answer as text.
    pub(crate) fn draw(&mut self, dice: &mut Dice, keys: u64) -> (String, String) {
        let (key, other) = (dice.below(keys), dice.below(keys));
        let text = |value: Option<&i64>| value.map_or_else(|| "nil".to_owned(), i64::to_string);
        match dice.below(8) {
            0 | 1 => (format!("GET m:{key}"), text(self.0.get(&key))),
            2 | 3 => {
                let value = i64::try_from(dice.below(1_000)).expect("it is small");
                self.0.insert(key, value);
                (format!("SET m:{key} {value}"), "OK".to_owned())
            }
            4 => {
                let value = self.0.entry(key).or_default();
                *value += 1;
                (format!("INCR m:{key}"), value.to_string())
            }
            5 => {
                let there = self.0.remove(&key).is_some();
                (format!("DEL m:{key}"), u8::from(there).to_string())
            }
            6 => {
                let answer = format!("[{} {}]", text(self.0.get(&key)), text(self.0.get(&other)));
                (format!("MGET m:{key} m:{other}"), answer)
            }
            _ => {
                self.0.insert(key, 7);
                self.0.insert(other, 8);
                (format!("MSET m:{key} 7 m:{other} 8"), "OK".to_owned())
            }
        }
    }
}

/// Random pipelines of any length, each answer checked against the model.
pub(crate) fn random_pipelines(client: &mut Client, seed: u64, rounds: u64) {
    let (mut dice, mut model) = (Dice(seed), Model::default());
    client.ask("FLUSHALL");
    for round in 0..rounds {
        let count = 1 + dice.below(200);
        let (lines, answers): (Vec<_>, Vec<_>) =
            (0..count).map(|_| model.draw(&mut dice, 50)).unzip();
        client.send(&pipeline(&lines));
        for (at, (line, answer)) in lines.iter().zip(&answers).enumerate() {
            assert_eq!(client.shown(), *answer, "seed {seed}, round {round}, command {at}: {line}");
        }
    }
}

//! Tables of the commands about a key's time to live.

use super::stage::play;

#[test]
fn times_to_live() {
    play(&[
        ("TTL a", ":-2"),
        ("PTTL a", ":-2"),
        ("EXPIRETIME a", ":-2"),
        ("PEXPIRETIME a", ":-2"),
        ("PERSIST a", ":0"),
        ("EXPIRE a 10", ":0"),
        ("SET a 1", "+OK"),
        ("TTL a", ":-1"),
        ("PTTL a", ":-1"),
        ("EXPIRETIME a", ":-1"),
        ("PEXPIRETIME a", ":-1"),
        ("PERSIST a", ":0"),
        ("EXPIRE a 10", ":1"),
        ("TTL a", ":10"),
        ("PERSIST a", ":1"),
        ("TTL a", ":-1"),
        ("PEXPIRE a 10000", ":1"),
        ("TTL a", ":10"),
        ("EXPIREAT a 4102444800", ":1"),
        ("EXPIRETIME a", ":4102444800"),
        ("PEXPIRETIME a", ":4102444800000"),
        ("PEXPIREAT a 4102444800500", ":1"),
        ("EXPIRETIME a", ":4102444801"),
        ("PEXPIREAT a 4102444800499", ":1"),
        ("EXPIRETIME a", ":4102444800"),
        ("GET a", "$1"),
        ("PEXPIRE a 50", ":1"),
        ("EXISTS a", ":1"),
        ("wait 60", ""),
        ("EXISTS a", ":0"),
        ("TTL a", ":-2"),
        ("TTL", "-ERR wrong number of arguments for 'ttl' command"),
        ("PERSIST a b", "-ERR wrong number of arguments for 'persist' command"),
    ]);
}

#[test]
fn times_that_are_over_delete() {
    play(&[
        ("SET a 1", "+OK"),
        ("EXPIRE a 0", ":1"),
        ("EXISTS a", ":0"),
        ("SET a 1", "+OK"),
        ("EXPIRE a -1", ":1"),
        ("EXISTS a", ":0"),
        ("SET a 1", "+OK"),
        ("PEXPIRE a -100", ":1"),
        ("EXISTS a", ":0"),
        ("SET a 1", "+OK"),
        ("EXPIREAT a 1", ":1"),
        ("EXISTS a", ":0"),
        ("SET a 1", "+OK"),
        ("PEXPIREAT a 1", ":1"),
        ("EXISTS a", ":0"),
        ("SET a 1", "+OK"),
        ("EXPIREAT a -9223372036854775", ":1"),
        ("EXISTS a", ":0"),
        ("SET a 1", "+OK"),
        ("PEXPIREAT a -9223372036854775808", ":1"),
        ("EXISTS a", ":0"),
    ]);
}

#[test]
fn conditions() {
    play(&[
        ("SET a 1", "+OK"),
        ("EXPIRE a 100 XX", ":0"),
        ("EXPIRE a 100 GT", ":0"),
        ("TTL a", ":-1"),
        ("EXPIRE a 100 NX", ":1"),
        ("EXPIRE a 200 NX", ":0"),
        ("TTL a", ":100"),
        ("EXPIRE a 200 xx", ":1"),
        ("TTL a", ":200"),
        ("EXPIRE a 100 GT", ":0"),
        ("EXPIRE a 300 gt", ":1"),
        ("TTL a", ":300"),
        ("EXPIRE a 400 LT", ":0"),
        ("EXPIRE a 100 LT", ":1"),
        ("TTL a", ":100"),
        ("EXPIRE a 200 XX GT", ":1"),
        ("EXPIRE a 100 XX LT", ":1"),
        ("EXPIRE a 100 XX XX", ":1"),
        ("PERSIST a", ":1"),
        ("EXPIRE a 100 LT", ":1"),
        ("PERSIST a", ":1"),
        ("EXPIRE a 100 XX LT", ":0"),
        ("EXPIRE none 100 NX", ":0"),
        ("PEXPIRE a 100000 NX", ":1"),
        ("TTL a", ":100"),
        ("EXPIREAT a 4102444800 GT", ":1"),
        ("PEXPIREAT a 4102444799999 LT", ":1"),
        ("PEXPIREAT a 4102444799999 LT", ":0"),
        ("PEXPIREAT a 4102444799999 GT", ":0"),
        ("EXPIRE a -1 GT", ":0"),
        ("EXISTS a", ":1"),
        ("EXPIRE a -1 LT", ":1"),
        ("EXISTS a", ":0"),
    ]);
}

#[test]
fn what_is_refused() {
    let not_compatible = "-ERR NX and XX, GT or LT options at the same time are not compatible";
    let compared_twice = "-ERR GT and LT options at the same time are not compatible";
    let not_integer = "-ERR value is not an integer or out of range";
    play(&[
        ("SET a 1", "+OK"),
        ("EXPIRE a 10 NX XX", not_compatible),
        ("EXPIRE a 10 NX GT", not_compatible),
        ("EXPIRE a 10 LT NX", not_compatible),
        ("EXPIRE a 10 GT LT", compared_twice),
        ("EXPIRE a 10 LT GT XX", compared_twice),
        ("EXPIRE a 10 Foo", "-ERR Unsupported option Foo"),
        ("EXPIRE a ten Foo", "-ERR Unsupported option Foo"),
        ("EXPIRE a ten", not_integer),
        ("EXPIRE none ten", not_integer),
        ("EXPIRE a", "-ERR wrong number of arguments for 'expire' command"),
        ("EXPIRE a 9223372036854775807", "-ERR invalid expire time in 'expire' command"),
        ("EXPIRE a -9223372036854775808", "-ERR invalid expire time in 'expire' command"),
        ("EXPIRE a 9223372036854775", "-ERR invalid expire time in 'expire' command"),
        ("PEXPIRE a 9223372036854775807", "-ERR invalid expire time in 'pexpire' command"),
        ("EXPIREAT a 9223372036854776", "-ERR invalid expire time in 'expireat' command"),
        ("EXPIRE none 9223372036854775807", "-ERR invalid expire time in 'expire' command"),
        ("PEXPIREAT a 9223372036854775808", not_integer),
        ("TTL a", ":-1"),
        ("PEXPIREAT a 9223372036854775807", ":1"),
        ("PEXPIRETIME a", ":9223372036854775807"),
    ]);
}

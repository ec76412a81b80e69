//! What memcached's commands do to one key. The front reads their lines and sends each key where it lies; these commands are in no list that
//! clients see.
//!
//! Words: name, key, verb, the key as it was written, then what stood behind it in the line; a value is the last. What is answered is
//! whole lines, and nothing where a quiet command has nothing to say.
//!
//! Source: memcached's `doc/protocol.txt`.

mod arithmetic;
mod basic;
mod item;
mod line;
mod meta;
mod meta_flags;
mod meta_get;
mod store;
mod time;

use super::context::Context;
use super::error::CommandError;

type Done = Result<(), CommandError>;

/// Carries one of them out.
pub(super) fn run(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let &[_, name, verb, written, ref words @ ..] = arguments else {
        return Err(CommandError::Syntax);
    };
    let key = context.key(name)?;
    let asked = Asked { key, written };
    match verb {
        b"get" => basic::get(context, &asked, false),
        b"gets" => basic::get(context, &asked, true),
        b"gat" => basic::get_and_touch(context, &asked, words, false),
        b"gats" => basic::get_and_touch(context, &asked, words, true),
        b"touch" => basic::touch(context, &asked, words),
        b"delete" => basic::delete(context, &asked),
        b"incr" => arithmetic::classic(context, &asked, words, true),
        b"decr" => arithmetic::classic(context, &asked, words, false),
        b"set" | b"add" | b"replace" | b"append" | b"prepend" | b"cas" => {
            store::classic(context, &asked, verb, words)
        }
        b"mg" => meta_get::get(context, &asked, words),
        b"ms" => store::meta(context, &asked, words),
        b"md" => meta::delete(context, &asked, words),
        b"ma" => arithmetic::meta(context, &asked, words),
        b"me" => meta::tell(context, &asked),
        _ => Err(CommandError::Syntax),
    }
}

/// The key of a command, and how the client wrote it.
struct Asked<'a> {
    key: hyperion_store::Key<'a>,
    written: &'a [u8],
}

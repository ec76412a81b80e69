//! Lists the tests of the HTTP side.

mod front;
mod removal;
mod side;

//! Lists the tests of the HTTP side.

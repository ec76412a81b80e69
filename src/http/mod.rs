//! Lists the parts of the HTTP side: the bounded front, the hop to `tiny_http`, the routes, the
//! changes.

mod acking;
mod answer;
mod changer;
mod courier;
mod front;
mod head;
mod limits;
mod members;
mod outcome;
mod removals;
mod request;
mod routes;
mod server;
mod side;
mod socket;
mod telling;
#[cfg(test)]
mod tests;
mod view;

pub(crate) use answer::refusal;
pub(crate) use changer::{ChangeError, Jobs, ToCluster};
pub(crate) use front::{CONTINUE, Progress, RequestReader};
pub(crate) use limits::{
    ANSWER_DEADLINE_S, BODY_DEADLINE_S, HEADER_DEADLINE_S, HTTP_CONNECTIONS_MAX,
};
#[cfg(test)]
pub(crate) use request::Request;
pub(crate) use side::{Bridge, HttpSide, HttpSideError};
pub(crate) use view::NodeView;

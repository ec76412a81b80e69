//! Between cores: mailboxes, and the flag that says who sleeps.

mod mailbox;
mod sleep;
mod sync;
#[cfg(test)]
mod tests;

pub(crate) use mailbox::{MailReceiver, MailSender, mailbox};
pub(crate) use sleep::SleepFlag;

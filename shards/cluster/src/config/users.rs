//! Owns the rules of users' names; what they may do is read by who knows the commands.

use super::limits::{USER_BYTES_MAX, USER_NAME_BYTES_MAX, USERS_MAX};
use super::problem::{Problem, push_step};
use super::settings::Settings;

/// The place of a user in the config, as a JSON pointer.
#[must_use]
pub fn user_pointer(name: &str) -> String {
    let mut pointer = "/settings/auth/users".to_owned();
    push_step(&mut pointer, name);
    pointer
}

pub(super) fn check_users(settings: &Settings, problems: &mut Vec<Problem>) {
    let users = &settings.auth.users;
    if users.len() > USERS_MAX {
        let text = format!("{} users are too many", users.len());
        let hint = format!("keep at most {USERS_MAX}");
        problems.push(Problem::at("/settings/auth/users", text, hint));
    }
    for (name, rules) in users {
        let is_bad = |character: char| character.is_whitespace() || character == '\0';
        if name.is_empty() || name.len() > USER_NAME_BYTES_MAX || name.contains(is_bad) {
            let text = format!("{name:?} is no name of a user");
            let hint = format!("give 1 to {USER_NAME_BYTES_MAX} bytes without blanks");
            problems.push(Problem::at(user_pointer(name), text, hint));
        }
        if rules.len() > USER_BYTES_MAX {
            let text = format!("{} bytes of rules are too many", rules.len());
            let hint = format!("give at most {USER_BYTES_MAX}");
            problems.push(Problem::at(user_pointer(name), text, hint));
        }
    }
}

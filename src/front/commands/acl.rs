//! Owns ACL: users are told from the config in force, and changed by way of the thread that changes the config.

use std::fs::File;
use std::io::Read;
use std::sync::{Arc, OnceLock};

use hyperion_engine::acl::{self, DEFAULT, Selector, User, Users, merge_selectors};
use hyperion_engine::command::{CATEGORIES, category, find, members, subcommand_refusal};
use hyperion_model::ReplyWriter;
use hyperion_model::number::parse_integer;

use super::super::client::Client;
use super::super::execute::Progress;
use super::super::rights::sentence;
use super::amend::{Amended, failure};
use super::asks::{After, Asker, FrontAsk};
use super::limits::{GENPASS_BITS, GENPASS_BITS_MAX};
use super::run::{
    Carried, exactly, is_word, keyword, misused, not_integer, shown, unknown_subcommand,
    wrong_arity,
};
use crate::config::Settings;
use crate::node::{Io, NodeCore};

const HELP: [&str; 32] = [
    "ACL <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "CAT [<category>]",
    "    List all commands that belong to <category>, or all command categories",
    "    when no category is specified.",
    "DELUSER <username> [<username> ...]",
    "    Delete a list of users.",
    "DRYRUN <username> <command> [<arg> ...]",
    "    Returns whether the user can execute the given command without executing the command.",
    "GETUSER <username>",
    "    Get the user's details.",
    "GENPASS [<bits>]",
    "    Generate a secure 256-bit user password. The optional `bits` argument can",
    "    be used to specify a different size.",
    "LIST",
    "    Show users details in config file format.",
    "LOAD",
    "    Is refused: users live in the config; POST /config changes them all at once.",
    "LOG [<count> | RESET]",
    "    Show the ACL log entries.",
    "SAVE",
    "    Is refused: every change of a user is written at once.",
    "SETUSER <username> <attribute> [<attribute> ...]",
    "    Create or modify a user with the specified attributes.",
    "USERS",
    "    List all the registered usernames.",
    "WHOAMI",
    "    Return the current connection username.",
    "HELP",
    "    Prints this help.",
    "",
    "Users are /settings/auth/users of the config, one line of rules each; the first password of the",
    "default user is /settings/auth/password_hash.",
];

impl NodeCore {
    pub(super) fn acl_command(
        &mut self,
        io: &mut Io,
        client: &mut Client,
        arguments: &[&[u8]],
    ) -> Carried {
        let (subcommand, words) = (arguments[1], &arguments[2..]);
        match keyword(subcommand).as_str() {
            "whoami" => {
                exactly(words, 0, "acl|whoami")?;
                let user = Arc::clone(&client.session.user);
                self.answer(client, |reply| reply.bulk(user.name.as_bytes()));
            }
            "cat" => return self.acl_cat(client, subcommand, words),
            "users" => {
                exactly(words, 0, "acl|users")?;
                self.acl_lines(client, |user| user.name.clone());
            }
            "list" => {
                exactly(words, 0, "acl|list")?;
                self.acl_lines(client, |user| format!("user {} {}", user.name, user.describe()));
            }
            "getuser" => {
                exactly(words, 1, "acl|getuser")?;
                let user = self.config.users.get(words[0]).cloned();
                self.answer(client, |reply| match user {
                    Some(user) => write_user(&user, reply),
                    None => reply.null(),
                });
            }
            "setuser" if words.is_empty() => return Err(wrong_arity("acl|setuser")),
            "setuser" => return self.acl_setuser(client, words[0], &words[1..]),
            "deluser" if words.is_empty() => return Err(wrong_arity("acl|deluser")),
            "deluser" => return self.acl_deluser(client, words),
            "genpass" => {
                let password = generate(words)?;
                self.answer(client, |reply| reply.bulk(password.as_bytes()));
            }
            "dryrun" if words.len() < 2 => return Err(wrong_arity("acl|dryrun")),
            "dryrun" => self.acl_dryrun(client, words[0], &words[1..])?,
            "log" => return self.acl_log(io, client, subcommand, words),
            "save" | "load" => {
                return Err(
                    "ERR This Redis instance is not configured to use an ACL file: users live in the config, which is written with every change. Use ACL SETUSER, or POST /config for all users at once."
                        .to_owned(),
                );
            }
            "help" => {
                exactly(words, 0, "acl|help")?;
                return Ok(self.help(client, &HELP));
            }
            _ => return Err(unknown_subcommand(subcommand, "ACL")),
        }
        Ok(Progress::Ran)
    }

    fn acl_cat(&mut self, client: &mut Client, subcommand: &[u8], words: &[&[u8]]) -> Carried {
        let names: Vec<&str> = match words {
            [] => CATEGORIES.to_vec(),
            [name] => {
                let known = category(name);
                members(known.ok_or_else(|| format!("ERR Unknown category '{}'", shown(name)))?)
            }
            _ => return Err(misused(subcommand, "ACL")),
        };
        self.answer(client, |reply| {
            reply.array(names.len());
            names.iter().for_each(|name| reply.bulk(name.as_bytes()));
        });
        Ok(Progress::Ran)
    }

    fn acl_lines(&mut self, client: &mut Client, line: impl Fn(&User) -> String) {
        let lines: Vec<String> = self.config.users.iter().map(|user| line(user)).collect();
        self.answer(client, |reply| {
            reply.array(lines.len());
            lines.iter().for_each(|line| reply.bulk(line.as_bytes()));
        });
    }

    fn acl_setuser(&mut self, client: &mut Client, name: &[u8], words: &[&[u8]]) -> Carried {
        let name = user_name(name)?;
        let rules = merge_selectors(words).map_err(|start| {
            format!("ERR Unmatched parenthesis in acl selector starting at '{start}'.")
        })?;
        changed(&self.config.users, &name, &rules)?;
        // What another client changes meanwhile is not undone: the rules are taken by the user as the config has it then.
        let problem: Arc<OnceLock<String>> = Arc::default();
        let told = Arc::clone(&problem);
        let change = move |settings: &mut Settings| {
            let users = Users::of(&settings.auth).unwrap_or_default();
            match changed(&users, &name, &rules) {
                Ok(user) => acl::keep(&mut settings.auth, &user),
                Err(error) => drop(told.set(error)),
            }
        };
        self.amend(client, change, move |outcome| match (problem.get(), outcome) {
            (Some(problem), _) => Err(problem.clone()),
            (None, outcome) => {
                outcome.map(|()| Amended::Ok).map_err(|error| failure("ACL SETUSER", &error, &[]))
            }
        })
    }

    fn acl_deluser(&mut self, client: &mut Client, words: &[&[u8]]) -> Carried {
        if words.contains(&DEFAULT.as_bytes()) {
            return Err("ERR The 'default' user cannot be removed".to_owned());
        }
        let known: Vec<String> = words
            .iter()
            .filter_map(|name| self.config.users.get(name))
            .map(|user| user.name.clone())
            .collect();
        if known.is_empty() {
            self.answer(client, |reply| reply.integer(0));
            return Ok(Progress::Ran);
        }
        let count: Arc<OnceLock<i64>> = Arc::default();
        let counted = Arc::clone(&count);
        let change = move |settings: &mut Settings| {
            let users = &mut settings.auth.users;
            let removed = known.iter().filter(|name| users.remove(*name).is_some()).count();
            let _ = counted.set(i64::try_from(removed).unwrap_or(i64::MAX));
        };
        self.amend(client, change, move |outcome| {
            let count = count.get().copied().unwrap_or(0);
            outcome
                .map(|()| Amended::Count(count))
                .map_err(|error| failure("ACL DELUSER", &error, &[]))
        })
    }

    fn acl_dryrun(
        &mut self,
        client: &mut Client,
        name: &[u8],
        line: &[&[u8]],
    ) -> Result<(), String> {
        let user = self.config.users.get(name).cloned();
        let user = user.ok_or_else(|| format!("ERR User '{}' not found", shown(name)))?;
        let spec =
            find(line[0]).ok_or_else(|| format!("ERR Command '{}' not found", shown(line[0])))?;
        spec.check_arity(line.len()).map_err(|error| error.to_string())?;
        if let Some(error) = subcommand_refusal(spec, line) {
            let is_unknown = error.starts_with("ERR unknown subcommand");
            let missing = || format!("ERR Command '{}' not found", shown(line[0]));
            return Err(if is_unknown { missing() } else { error });
        }
        match user.check(spec, line) {
            Ok(()) => self.answer(client, |reply| reply.simple("OK")),
            Err(denied) => {
                let sentence = sentence(&user, &denied, spec, line, true);
                self.answer(client, |reply| reply.bulk(sentence.as_bytes()));
            }
        }
        Ok(())
    }

    fn acl_log(
        &mut self,
        io: &mut Io,
        client: &mut Client,
        subcommand: &[u8],
        words: &[&[u8]],
    ) -> Carried {
        let ask = match words {
            [word] if is_word(word, "reset") => FrontAsk::ForgetRefusals,
            [] | [_] => FrontAsk::Refusals,
            _ => return Err(misused(subcommand, "ACL")),
        };
        let count = match words {
            [word] if !is_word(word, "reset") => parse_integer(word).ok_or_else(not_integer)?,
            _ => 10,
        };
        let after = After::Newest(usize::try_from(count).unwrap_or(0));
        let asker = Asker { after, ..Asker::default() };
        Ok(self.ask_all(io, client, &ask, asker))
    }
}

fn user_name(name: &[u8]) -> Result<String, String> {
    if name.iter().any(|&byte| byte == 0 || byte.is_ascii_whitespace()) {
        return Err("ERR Usernames can't contain spaces or null characters".to_owned());
    }
    String::from_utf8(name.to_vec())
        .map_err(|_| "ERR The config keeps text: a username must be UTF-8".to_owned())
}

/// The user with the rules taken.
fn changed(users: &Users, name: &str, rules: &[Vec<u8>]) -> Result<User, String> {
    let mut user =
        users.get(name.as_bytes()).map_or_else(|| User::new(name), |user| User::clone(user));
    for rule in rules {
        user.take(rule).map_err(|error| {
            format!("ERR Error in ACL SETUSER modifier '{}': {error}", shown(rule))
        })?;
    }
    Ok(user)
}

fn write_user(user: &User, reply: &mut dyn ReplyWriter) {
    let flags: Vec<&str> = user.flags().collect();
    reply.map(6);
    reply.bulk(b"flags");
    reply.set(flags.len());
    flags.iter().for_each(|flag| reply.bulk(flag.as_bytes()));
    reply.bulk(b"passwords");
    reply.array(user.passwords.len());
    user.hashes().for_each(|hash| reply.bulk(hash.as_bytes()));
    let [root, others @ ..] = user.selectors() else { return };
    write_selector(root, reply);
    reply.bulk(b"selectors");
    reply.array(others.len());
    for selector in others {
        reply.map(3);
        write_selector(selector, reply);
    }
}

fn write_selector(selector: &Selector, reply: &mut dyn ReplyWriter) {
    let fields = [
        ("commands", selector.commands()),
        ("keys", selector.keys()),
        ("channels", selector.channels()),
    ];
    for (name, text) in fields {
        reply.bulk(name.as_bytes());
        reply.bulk(text.as_bytes());
    }
}

/// ACL GENPASS: digits from the kernel's random source.
fn generate(words: &[&[u8]]) -> Result<String, String> {
    let bits = match words {
        [] => GENPASS_BITS,
        [bits] => usize::try_from(parse_integer(bits).ok_or_else(not_integer)?)
            .ok()
            .filter(|bits| (1..=GENPASS_BITS_MAX).contains(bits))
            .ok_or_else(|| {
                format!(
                    "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to {GENPASS_BITS_MAX}"
                )
            })?,
        _ => return Err(wrong_arity("acl|genpass")),
    };
    let digits = bits.div_ceil(4);
    let mut bytes = vec![0_u8; digits.div_ceil(2)];
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .map_err(|error| format!("ERR the random source cannot be read: {error}"))?;
    let mut text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    text.truncate(digits);
    Ok(text)
}

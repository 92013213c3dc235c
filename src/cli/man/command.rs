//! The pages of commands: what clap knows of them, and what only people know.

use clap::Command;
use clap_mangen::Man;

use super::details::{Details, EVERY_COMMAND, RUNNING, USUAL};
use super::page::{DATE, MANUAL, Page, SOURCE};
use super::{admin_commands, user_commands};

/// A page for `cvdns`, and for each of its commands.
pub(super) fn pages(command: Command) -> Vec<Page> {
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    add(&command, "", &mut pages);
    pages
}

fn add(command: &Command, words: &str, pages: &mut Vec<Page>) {
    pages.push(page(command, words));
    for (below, words) in below(command, words) {
        add(below, &words, pages);
    }
}

/// The commands directly below one, with the words that name them after `cvdns`.
fn below<'c>(
    command: &'c Command,
    words: &'c str,
) -> impl Iterator<Item = (&'c Command, String)> + 'c {
    command.get_subcommands().filter(|below| !below.is_hide_set()).map(move |below| {
        let name = below.get_name();
        let words = if words.is_empty() { name.to_owned() } else { format!("{words} {name}") };
        (below, words)
    })
}

fn page(command: &Command, words: &str) -> Page {
    let details = details_of(words);
    let mut page = Page::new(&name(words), details.section);
    from_clap(&mut page, command);
    if command.has_subcommands() {
        page.heading("COMMANDS");
        for (below, words) in below(command, words) {
            let about = below.get_about().map(ToString::to_string).unwrap_or_default();
            let section = details_of(&words).section;
            page.term(&name(&words), &format!("({section})"), &format!("{about}."));
        }
    }
    page.heading("EXIT STATUS");
    page.term("0", "", details.success);
    page.term("1", "", details.failure);
    page.term("2", "", "The command line is wrong.");
    if details.is_running {
        page.heading("SIGNALS");
        for (signals, text) in RUNNING.signals {
            page.term(signals, "", text);
        }
    }
    page.heading("ENVIRONMENT");
    environment(&mut page, command, &details);
    if !details.files.is_empty() {
        page.heading("FILES");
        for (path, text) in details.files {
            page.term(path, "", text);
        }
    }
    page.heading("EXAMPLES");
    for (text, lines) in details.examples {
        page.paragraph(text);
        page.example(lines);
    }
    page.heading("SEE ALSO");
    page.paragraph(&see_also(words, &details));
    page
}

/// The details of the command with these words after `cvdns`. A command without any has the usual
/// ones.
fn details_of(words: &str) -> Details {
    let mut all = user_commands::ALL.iter().chain(admin_commands::ALL);
    all.find(|details| details.command == words).copied().unwrap_or(USUAL)
}

/// Name, synopsis, description and options.
fn from_clap(page: &mut Page, command: &Command) {
    // clap's own line of usage has the values of options; that of clap_mangen does not.
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:").trim().to_owned();
    let mut command = command.clone().override_usage(usage);
    if let (Some(about), None) = (command.get_about(), command.get_long_about()) {
        let description = format!("{about}.");
        command = command.long_about(description);
    }
    // clap takes the last full stop away.
    let command = command.mut_args(|option| match option.get_help().map(ToString::to_string) {
        Some(help) if !help.ends_with('.') && option.get_long_help().is_none() => {
            option.help(format!("{help}."))
        }
        _ => option,
    });
    let man = Man::new(command)
        .title(page.title())
        .section(page.section())
        .date(DATE)
        .source(SOURCE)
        .manual(MANUAL);
    page.rendered(|out| man.render_title(out));
    page.rendered(|out| man.render_name_section(out));
    page.rendered(|out| man.render_synopsis_section(out));
    page.rendered(|out| man.render_description_section(out));
    page.rendered(|out| {
        let mut options = Vec::new();
        man.render_options_section(&mut options)?;
        out.extend(
            String::from_utf8_lossy(&options)
                .replace(BREAKS, "\n.IP\n")
                .replace("\n\n", "\n.IP\n")
                .bytes(),
        );
        Ok(())
    });
}

/// What `clap_mangen` writes between a text and the list of possible values.
const BREAKS: &str = "\n.br\n\n.br\n";

/// The variables that stand for options, and those that the program reads itself.
fn environment(page: &mut Page, command: &Command, details: &Details) {
    for option in command.get_arguments().filter(|option| !option.is_hide_set()) {
        let (Some(variable), Some(long)) = (option.get_env(), option.get_long()) else { continue };
        let text = format!("Used if `--{long}` is not given. An empty variable counts as none.");
        page.term(&variable.to_string_lossy(), "", &text);
    }
    let running = RUNNING.environment.iter().filter(|_| details.is_running);
    for (variable, text) in details.environment.iter().chain(running).chain(EVERY_COMMAND) {
        page.term(variable, "", text);
    }
}

/// The commands above and the pages that the details name, in the order of sections and names.
fn see_also(words: &str, details: &Details) -> String {
    let mut pages: Vec<(String, String)> = Vec::new();
    let mut above = words;
    while !above.is_empty() {
        above = above.rsplit_once(' ').map_or("", |(above, _)| above);
        pages.push((details_of(above).section.to_string(), name(above)));
    }
    for page in details.see {
        let reference = page.strip_suffix(')').and_then(|page| page.split_once('('));
        pages.extend(reference.map(|(name, section)| (section.to_owned(), name.to_owned())));
    }
    if words.is_empty() || pages.len() < 2 {
        pages.push(("5".to_owned(), "cvdns.toml".to_owned()));
    }
    pages.sort();
    pages.dedup();
    let pages: Vec<String> =
        pages.iter().map(|(section, name)| format!("`{name}`({section})")).collect();
    pages.join(", ")
}

/// The name of a command's page.
fn name(words: &str) -> String {
    if words.is_empty() { "cvdns".to_owned() } else { format!("cvdns-{}", words.replace(' ', "-")) }
}

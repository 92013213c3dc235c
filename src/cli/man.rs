//! `cvdns man`: writes the pages of the manual.
//!
//! `command` makes a page for each command from what clap knows of it and from `user_commands`
//! (section 1) and `admin_commands` (section 8); `file` makes a page for each file format (section
//! 5) from its keys and `formats`; `page` knows the language of the pages.

mod admin_commands;
mod command;
mod details;
mod file;
mod formats;
mod page;
mod user_commands;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Command};

use super::output::{Failure, print_line};
use cvdns_io::replace;
use page::Page;

/// Arguments of `cvdns man`.
#[derive(Args, Clone, Debug)]
pub struct ManArgs {
    /// The directory to write, which is created if it does not exist. Files of the same names are
    /// replaced; all others stay.
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
}

/// Writes the pages for `command`, the whole of `cvdns`, and for its files. Exit status 1 if a file
/// cannot be written; each file is then either the old or the new one.
pub fn run(args: &ManArgs, command: Command) -> ExitCode {
    match write(&args.dir, &pages(command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn pages(command: Command) -> Vec<Page> {
    let mut pages = command::pages(command);
    pages.extend(file::pages());
    pages
}

fn write(dir: &Path, pages: &[Page]) -> Result<(), Failure> {
    let shown = dir.display();
    if dir.exists() && !dir.is_dir() {
        return Err(Failure::new(format!(
            "{shown} exists and is not a directory: name a directory for the pages"
        )));
    }
    fs::create_dir_all(dir)
        .map_err(|error| Failure::new(format!("cannot create the directory {shown}: {error}")))?;
    for page in pages {
        let path = dir.join(page.file_name());
        replace(&path, page.text().as_bytes())
            .map_err(|error| Failure::new(format!("cannot write {}: {error}", path.display())))?;
    }
    print_line(format!("wrote {} pages to {shown}", pages.len()))
}

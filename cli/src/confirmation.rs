//! Asks before anything is changed.

use std::io::{self, BufRead, IsTerminal, Write};

use crate::error::CliError;

/// Refuses a command that has to ask and cannot, before it does anything. `preview` is the option
/// that only shows what would change.
pub(crate) fn require_confirmation(yes: bool, preview: &'static str) -> Result<(), CliError> {
    // The question is written to stderr, because stdout may be redirected.
    if yes || (io::stdin().is_terminal() && io::stderr().is_terminal()) {
        Ok(())
    } else {
        Err(CliError::NoTerminal { preview })
    }
}

/// Asks on the terminal. `place` says where the change would be made.
pub(crate) fn confirm_change(place: &str, question: &str) -> Result<bool, CliError> {
    ask_question(&mut io::stdin().lock(), &mut io::stderr(), place, question)
}

/// Every answer but `y` and `yes` is a no, as is the end of the input.
fn ask_question(
    input: &mut impl BufRead,
    output: &mut impl Write,
    place: &str,
    question: &str,
) -> Result<bool, CliError> {
    write!(output, "{place}\n{question} [y/N] ")?;
    output.flush()?;
    let mut answer = String::new();
    if input.read_line(&mut answer)? == 0 {
        writeln!(output)?;
    }
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_confirms() {
        for (answer, expected) in
            [("y\n", true), (" YES \n", true), ("\n", false), ("n\n", false), ("yep\n", false), ("", false)]
        {
            let mut asked = Vec::new();
            let place = "Account 123456789012, Region eu-west-1";
            let confirmed = ask_question(&mut answer.as_bytes(), &mut asked, place, "Redrive 2 messages?").unwrap();
            assert_eq!(confirmed, expected, "{answer:?}");
            let asked = String::from_utf8(asked).unwrap();
            assert!(asked.starts_with("Account 123456789012, Region eu-west-1\nRedrive 2 messages? [y/N] "), "{asked}");
        }
    }
}

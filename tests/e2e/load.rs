//! The load under which everything happens, and its judge: `bench/load`, which knows the answer.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::{exported, watchdog};

/// A load that flows until the verdict; killed when dropped.
pub struct Load {
    child: Child,
    /// Takes a line for each question whether records flow.
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    log: PathBuf,
}

impl Load {
    /// Starts it, and waits until its backlog was processed and more records flow.
    pub fn start(bootstrap: &str) -> Self {
        let log = PathBuf::from(exported("WORK")).join("load.log");
        let mut child = Command::new(exported("LOAD"))
            .args(["accept", "--bootstrap", bootstrap, "--backlog", "10000", "--rate", "400"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).expect("the folder is ours"))
            .spawn()
            .expect("scripts/e2e has built it");
        watchdog::at_the_end(&format!("kill -9 {}", child.id()));
        let questions = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("it was asked for"));
        let mut load = Self { child, questions, answers, log };
        let backlog = load.answer().unwrap_or_else(|| panic!("no backlog: {}", load.complaint()));
        println!("    {backlog}");
        load.flows("at rest");
        load
    }

    /// Fails unless, from now on, records go in and completions come out.
    #[track_caller]
    pub fn flows(&mut self, when: &str) {
        let questions = self.questions.as_mut().expect("there is no verdict yet");
        // If it has ended, there is no answer either.
        let _ = writeln!(questions, "{when}");
        match self.answer() {
            Some(answer) => println!("    {answer}"),
            None => panic!("the load has ended; asked {when}: {}", self.complaint()),
        }
    }

    /// Ends the flow, and fails unless each order was completed exactly once.
    pub fn verdict(mut self) {
        drop(self.questions.take());
        while let Some(answer) = self.answer() {
            println!("    {answer}");
        }
        let status = self.child.wait().expect("it is our child");
        assert!(status.success(), "the verdict: {}", self.complaint());
    }

    /// Returns its next line, if there is one.
    fn answer(&mut self) -> Option<String> {
        let mut line = String::new();
        let length = self.answers.read_line(&mut line).expect("it says text");
        (length > 0).then(|| line.trim_end().to_owned())
    }

    /// Returns what it says about an error.
    fn complaint(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

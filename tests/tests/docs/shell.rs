//! Shell commands as they stand in a page, split into words as a shell would split them, without running anything.

/// The simple commands of a script, in order; also those in `$(…)`.
pub fn commands(script: &str) -> Vec<Vec<String>> {
    let mut splitter = Splitter { rest: script.chars().collect::<Vec<_>>(), at: 0, ..Splitter::default() };
    splitter.run(None);
    splitter.commands
}

#[derive(Default)]
struct Splitter {
    rest: Vec<char>,
    at: usize,
    commands: Vec<Vec<String>>,
    words: Vec<String>,
    /// `None`: between two words.
    word: Option<String>,
}

impl Splitter {
    /// Reads until the script ends, or `end` stands outside of quotes.
    fn run(&mut self, end: Option<char>) {
        while let Some(c) = self.next() {
            match c {
                c if Some(c) == end => break,
                '\\' => match self.next() {
                    Some('\n') | None => {}
                    Some(c) => self.push(c),
                },
                '\'' => self.quoted('\''),
                '"' => self.quoted('"'),
                '$' if self.peek() == Some('(') => self.substitution(),
                '#' if self.word.is_none() => {
                    while self.peek().is_some_and(|c| c != '\n') {
                        self.at += 1;
                    }
                }
                ' ' | '\t' => self.end_word(),
                '\n' | ';' | '|' | '&' => self.end_command(),
                '<' | '>' => self.redirection(),
                c => self.push(c),
            }
        }
        self.end_command();
    }

    fn quoted(&mut self, quote: char) {
        self.word.get_or_insert_default();
        while let Some(c) = self.next() {
            match c {
                c if c == quote => return,
                '\\' if quote == '"' => {
                    if let Some(c) = self.next() {
                        self.push(c);
                    }
                }
                '$' if quote == '"' && self.peek() == Some('(') => self.substitution(),
                c => self.push(c),
            }
        }
        panic!("a quote is not closed");
    }

    /// `$(…)`: commands of their own; the word that they are in gets something that nobody looks at.
    fn substitution(&mut self) {
        self.at += 1;
        let (words, word) = (std::mem::take(&mut self.words), self.word.take());
        self.run(Some(')'));
        self.words = words;
        self.word = Some(word.unwrap_or_default() + "…");
    }

    /// Where output goes and input comes from is none of the command's words.
    fn redirection(&mut self) {
        self.end_word();
        while self.peek().is_some_and(|c| "<>& \t".contains(c)) {
            self.at += 1;
        }
        let before = self.words.len();
        while self.peek().is_some_and(|c| !" \t\n;|&".contains(c)) {
            self.at += 1;
        }
        self.words.truncate(before);
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek();
        self.at += 1;
        next
    }

    fn peek(&self) -> Option<char> {
        self.rest.get(self.at).copied()
    }

    fn push(&mut self, c: char) {
        self.word.get_or_insert_default().push(c);
    }

    fn end_word(&mut self) {
        self.words.extend(self.word.take());
    }

    fn end_command(&mut self) {
        self.end_word();
        // What is set for one command alone is none of its words.
        let first = self.words.iter().position(|word| !is_assignment(word));
        let words = std::mem::take(&mut self.words);
        self.commands.extend(first.map(|first| words[first..].to_vec()));
    }
}

fn is_assignment(word: &str) -> bool {
    let name = word.split_once('=').map_or("", |(name, _)| name);
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[test]
fn a_script_is_split_as_a_shell_splits_it() {
    let script = "A=1 make up   # not this\nkubectl -n x get \\\n  'a b' \"c $(date -u +%F) d\" | sort > out && echo \"it's\"; x=$(make parts)\n";
    let expected: [&[&str]; 6] = [
        &["make", "up"],
        &["date", "-u", "+%F"],
        &["kubectl", "-n", "x", "get", "a b", "c … d"],
        &["sort"],
        &["echo", "it's"],
        &["make", "parts"],
    ];
    assert_eq!(commands(script), expected);
}

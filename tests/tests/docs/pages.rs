//! The pages, and what stands in them: headings, links, code, tables.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use pulldown_cmark::{BrokenLink, CodeBlockKind, CowStr, Event, Options, Parser, Tag, TagEnd};

/// The folder of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The text of a file of the repository.
pub fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// One page as a reader sees it.
#[derive(Debug, Default)]
pub struct Page {
    /// From the root of the repository, with slashes.
    pub path: String,
    pub text: String,
    /// The anchors of the headings, as GitHub makes them.
    pub anchors: Vec<String>,
    pub headings: Vec<(u8, String)>,
    /// Where links and pictures lead.
    pub links: Vec<String>,
    /// Links by a reference that is defined nowhere, which a reader sees as brackets.
    pub dead_references: Vec<String>,
    /// Links in HTML, which are not looked at.
    pub html_links: Vec<String>,
    pub blocks: Vec<Block>,
    /// What stands in backticks.
    pub code: Vec<String>,
    pub tables: Vec<Table>,
}

/// A fenced block.
#[derive(Clone, Debug, Default)]
pub struct Block {
    /// What stands behind the fence, such as `sh`.
    pub language: String,
    pub text: String,
    /// What a comment directly before it says.
    pub remark: String,
}

#[derive(Clone, Debug, Default)]
pub struct Table {
    /// The heading that it stands under.
    pub section: String,
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Cell>>,
}

#[derive(Clone, Debug, Default)]
pub struct Cell {
    pub text: String,
    /// What of it stands in backticks.
    pub code: Vec<String>,
}

/// Every page that people read, of the root and the folders that have some.
pub fn all() -> Vec<Page> {
    let mut paths: Vec<String> = ["README.md", "CONTRIBUTING.md", "frontend/README.md"].map(str::to_owned).to_vec();
    for folder in ["docs", "charts"] {
        find(&root().join(folder), &mut paths);
    }
    paths.sort();
    paths.into_iter().map(|path| Page::parse(&path, &read(&path))).collect()
}

/// The page at this path.
pub fn page(path: &str) -> Page {
    Page::parse(path, &read(path))
}

fn find(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            find(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned());
        }
    }
}

impl Page {
    pub fn parse(path: &str, text: &str) -> Self {
        let mut page = Self { path: path.to_owned(), text: text.to_owned(), ..Self::default() };
        let mut dead = Vec::new();
        let remember = |link: BrokenLink<'_>| -> Option<(CowStr<'_>, CowStr<'_>)> {
            dead.push(link.reference.to_string());
            None
        };
        let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
        let parser = Parser::new_with_broken_link_callback(text, options, Some(remember));
        let mut reader = Reader::default();
        for event in parser {
            reader.take(event, &mut page);
        }
        page.dead_references = dead;
        page
    }

    /// The table under a heading that has these first columns.
    pub fn table(&self, section: &str, columns: &[&str]) -> &Table {
        let wanted = |table: &&Table| table.section == section && table.columns.iter().take(columns.len()).eq(columns);
        let found = self.tables.iter().find(wanted);
        found.unwrap_or_else(|| panic!("{} has no table {columns:?} under {section:?}", self.path))
    }
}

impl Table {
    /// What stands in backticks in the first column, row by row.
    pub fn names(&self) -> Vec<String> {
        self.rows.iter().flat_map(|row| row[0].code.clone()).collect()
    }
}

/// Puts the events of the parser together.
#[derive(Default)]
struct Reader {
    heading: Option<(u8, String)>,
    block: Option<Block>,
    table: Option<Table>,
    cell: Option<Cell>,
    row: Vec<Cell>,
    remark: String,
    times: HashMap<String, usize>,
}

impl Reader {
    fn take(&mut self, event: Event<'_>, page: &mut Page) {
        match event {
            Event::Start(Tag::Heading { level, .. }) => self.heading = Some((level as u8, String::new())),
            Event::End(TagEnd::Heading(_)) => {
                let heading = self.heading.take().unwrap();
                page.anchors.push(self.anchor(&heading.1));
                page.headings.push(heading);
            }
            Event::Start(Tag::CodeBlock(kind)) => {
                let language = match kind {
                    CodeBlockKind::Fenced(language) => language.to_string(),
                    CodeBlockKind::Indented => String::new(),
                };
                self.block = Some(Block { language, remark: std::mem::take(&mut self.remark), ..Block::default() });
            }
            Event::End(TagEnd::CodeBlock) => page.blocks.extend(self.block.take()),
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                page.links.push(dest_url.to_string());
            }
            Event::Start(Tag::Table(_)) => {
                let section = page.headings.last().map(|(_, heading)| heading.clone()).unwrap_or_default();
                self.table = Some(Table { section, ..Table::default() });
            }
            Event::Start(Tag::TableCell) => self.cell = Some(Cell::default()),
            Event::End(TagEnd::TableCell) => self.row.extend(self.cell.take()),
            Event::End(TagEnd::TableHead) => {
                let columns = std::mem::take(&mut self.row).into_iter().map(|cell| cell.text);
                self.table.as_mut().unwrap().columns = columns.collect();
            }
            Event::End(TagEnd::TableRow) => self.table.as_mut().unwrap().rows.push(std::mem::take(&mut self.row)),
            Event::End(TagEnd::Table) => page.tables.extend(self.table.take()),
            Event::Code(code) => {
                if let Some(cell) = &mut self.cell {
                    cell.code.push(code.to_string());
                }
                page.code.push(code.to_string());
                self.text(&code);
            }
            Event::Html(html) | Event::InlineHtml(html) => {
                if let Some(remark) = html.trim().strip_prefix("<!--") {
                    remark.trim_end_matches("-->").trim().clone_into(&mut self.remark);
                } else if html.contains("href=") || html.contains("src=") {
                    page.html_links.push(html.to_string());
                }
            }
            Event::Start(Tag::Paragraph) => self.remark.clear(),
            Event::Text(text) => self.text(&text),
            Event::SoftBreak | Event::HardBreak => self.text(" "),
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        if let Some((_, heading)) = &mut self.heading {
            heading.push_str(text);
        }
        if let Some(block) = &mut self.block {
            block.text.push_str(text);
        }
        if let Some(cell) = &mut self.cell {
            cell.text.push_str(text);
        }
    }

    /// As GitHub makes it: lower case, without punctuation, hyphens for spaces, and a number behind a repetition.
    fn anchor(&mut self, heading: &str) -> String {
        let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
        let anchor = heading.to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-");
        let times = self.times.entry(anchor.clone()).and_modify(|times| *times += 1).or_default();
        if *times == 0 { anchor } else { format!("{anchor}-{times}") }
    }
}

#[test]
fn a_page_is_read_as_a_reader_sees_it() {
    let text = "# The operator's `run`\n\n# The operator's run\n\n[a](b.md#c) ![p](p.png) [dead][nowhere] <b.md>\n\n\
        <!-- told -->\n\n```sh x\nmake up\n```\n\n| a | b |\n|---|---|\n| `x` y | `z` |\n\n<a href=\"q\">q</a>\n";
    let page = Page::parse("x.md", text);
    assert_eq!(page.anchors, ["the-operators-run", "the-operators-run-1"]);
    assert_eq!(page.links, ["b.md#c", "p.png"]);
    assert_eq!(page.dead_references, ["nowhere"]);
    assert_eq!(page.html_links.len(), 1, "{:?}", page.html_links);
    let block = &page.blocks[0];
    assert_eq!((block.language.as_str(), block.text.as_str(), block.remark.as_str()), ("sh x", "make up\n", "told"));
    let table = page.table("The operator's run", &["a"]);
    assert_eq!((table.names(), table.rows[0][0].text.as_str()), (vec!["x".to_owned()], "x y"));
}

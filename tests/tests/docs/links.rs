//! Every link leads somewhere: a relative one to a file, an anchor to a heading. What is elsewhere on the internet is not
//! asked, since a test must not depend on it.

use std::path::{Component, Path, PathBuf};

use crate::{
    nothing_wrong,
    pages::{self, Page},
};

#[test]
fn every_link_leads_to_a_file_and_a_heading_that_exist() {
    let pages = pages::all();
    let links: usize = pages.iter().map(|page| page.links.len()).sum();
    assert!(pages.len() >= 9 && links >= 100, "{} pages with {links} links: some were not found", pages.len());
    nothing_wrong(&pages.iter().flat_map(|page| wrong(page, &pages)).collect::<Vec<_>>());
}

#[test]
fn every_page_is_found_from_the_readme() {
    let pages = pages::all();
    let linked: Vec<PathBuf> = pages
        .iter()
        .filter(|page| page.path == "README.md")
        .flat_map(|page| page.links.iter().map(|link| target(&page.path, link.split('#').next().unwrap())))
        .collect();
    let lost =
        pages.iter().filter(|page| page.path.starts_with("docs/") && !linked.contains(&page.path.as_str().into()));
    nothing_wrong(&lost.map(|page| format!("{} is not linked in README.md", page.path)).collect::<Vec<_>>());
}

#[test]
fn a_dead_link_is_noticed() {
    let text = "# Here\n[1](#here) [2](#there) [3](nothing.md) [4](../README.md#prerequisites) [5](../README.md#nothing) \
        [6](/tmp) [7](http://example.org) [8](https://example.org) [9](mailto:a@b.example) [10][ref] <img src=\"x\">\n";
    let page = Page::parse("docs/made-up.md", text);
    let mut all = pages::all();
    all.push(Page::parse("docs/made-up.md", text));
    let wrong = wrong(&page, &all);
    let parts = ["#there", "nothing.md", "#nothing", "/tmp", "http://", "[ref]", "src="];
    assert_eq!(wrong.len(), parts.len(), "{wrong:#?}");
    for (mistake, part) in wrong.iter().zip(parts) {
        assert!(mistake.contains(part), "{mistake}: {part}");
    }
}

fn wrong(page: &Page, pages: &[Page]) -> Vec<String> {
    let at = &page.path;
    let dead = page.dead_references.iter().map(|name| format!("{at}: [{name}] is defined nowhere"));
    let html = page.html_links.iter().map(|html| format!("{at}: {html:?} is a link in HTML: write it in Markdown"));
    let links =
        page.links.iter().filter_map(|link| why_dead(page, link, pages).map(|why| format!("{at}: {link}: {why}")));
    links.chain(dead).chain(html).collect()
}

fn why_dead(page: &Page, link: &str, pages: &[Page]) -> Option<&'static str> {
    if link.starts_with("https://") || link.starts_with("mailto:") {
        return None;
    }
    if link.starts_with("http://127.0.0.1") || link.starts_with("http://localhost") {
        return None;
    }
    if link.contains("://") {
        return Some("is neither https nor a path");
    }
    if link.starts_with('/') {
        return Some("is a path from a root that a reader does not have");
    }
    let (path, anchor) = link.split_once('#').map_or((link, None), |(path, anchor)| (path, Some(anchor)));
    let target = if path.is_empty() { PathBuf::from(&page.path) } else { target(&page.path, path) };
    let found = pages.iter().find(|page| Path::new(&page.path) == target);
    if found.is_none() && (target.starts_with("..") || !pages::root().join(&target).exists()) {
        return Some("there is no such file");
    }
    let anchor = anchor?;
    match found {
        Some(target) if target.anchors.iter().any(|known| known == anchor) => None,
        Some(_) => Some("there is no such heading"),
        None => Some("it is no page, so nothing is known of its headings"),
    }
}

/// Where a relative link leads, from the root of the repository.
fn target(from: &str, link: &str) -> PathBuf {
    let joined = Path::new(from).parent().unwrap().join(link);
    let mut clean = PathBuf::new();
    for part in joined.components() {
        match part {
            Component::ParentDir if clean.file_name().is_some() => {
                clean.pop();
            }
            Component::CurDir => {}
            part => clean.push(part),
        }
    }
    clean
}

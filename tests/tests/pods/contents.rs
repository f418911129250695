//! What is in the images besides what runs: whom they run as, what they say of themselves, and what they are made of.

use std::{fs, os::unix::fs::PermissionsExt as _};

use chakravue_testbed::pods::Images;

pub fn are_as_they_ship(images: &Images, tag: &str) {
    for program in ["operator", "api"] {
        let name = format!("localhost/chakravue-{program}:{tag}");
        let (config, files) = images.look_into(&name).unwrap_or_else(|error| panic!("{error:#}"));
        assert_eq!(config["User"], "65532:65532", "{name}");
        assert_eq!(config["Entrypoint"][0], format!("/chakravue-{program}"), "{name}");
        let label = |label: &str| {
            let label = &config["Labels"][format!("org.opencontainers.image.{label}")];
            label.as_str().unwrap_or_else(|| panic!("{name}: {config:#}")).to_owned()
        };
        assert_eq!(label("version"), tag, "{name}");
        let revision = label("revision");
        assert!(revision.len() == 40 && revision.chars().all(|it| it.is_ascii_hexdigit()), "{name}: {revision}");
        assert_eq!(label("title"), format!("chakravue-{program}"));
        for said in ["description", "source", "documentation", "licenses", "vendor"] {
            assert!(!label(said).is_empty(), "{name}: {said}");
        }

        let readable = |path: &str| {
            let metadata = fs::metadata(files.join(path)).unwrap_or_else(|error| panic!("{name}: {path}: {error}"));
            assert_eq!(metadata.permissions().mode() & 0o4, 0o4, "{name}: {path} is not for everybody to read");
        };
        readable(&format!("chakravue-{program}"));
        readable(&format!("usr/share/sbom/chakravue-{program}.cdx.json"));
        let authorities = "etc/ssl/certs/ca-certificates.crt";
        readable(authorities);
        let authorities = fs::read_to_string(files.join(authorities)).unwrap().matches("BEGIN CERTIFICATE").count();
        assert!(authorities > 50, "{name} trusts {authorities} authorities");
        if program == "api" {
            readable("srv/frontend/index.html");
        }
    }
}

//! The MongoDB wire protocol, as far as a proxy must understand it: where a message's command or answer is, and how to put
//! another in its place. Everything else is passed on byte by byte.
//!
//! Nothing here trusts a length that it has not checked: a malformed message is an error, which closes the connection.

use std::{io, ops::Range};

use mongodb::bson::{Document, RawDocument, RawDocumentBuf};
use tokio::io::{AsyncRead, AsyncReadExt};

const HEADER: usize = 16;
/// What a server announces as `maxMessageSizeBytes`.
const LARGEST: usize = 48_000_000;

const OP_REPLY: i32 = 1;
const OP_QUERY: i32 = 2004;
const OP_MSG: i32 = 2013;

const CHECKSUM_PRESENT: i32 = 1;
const MORE_TO_COME: i32 = 1 << 1;
/// In an `OP_REPLY`: the server knows the `AwaitData` option, as every server has for a decade.
const AWAIT_CAPABLE: i32 = 1 << 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Message,
    /// Only the first greeting of an older driver still uses these two.
    Query,
    Reply,
}

/// One message: its bytes, and where the parts are that matter here.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    bytes: Vec<u8>,
    kind: Kind,
    body: Range<usize>,
    document: RawDocumentBuf,
    sequences: Vec<(String, Vec<Range<usize>>)>,
}

impl Frame {
    /// Reads one message; the end of the stream is an error like any other.
    pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Self> {
        let mut bytes = vec![0; 4];
        stream.read_exact(&mut bytes).await?;
        let length = length_at(&bytes, 0)?;
        if !(HEADER..=LARGEST).contains(&length) {
            return Err(malformed("a message length out of range"));
        }
        // Grows with what arrives, not with what was announced.
        stream.take((length - bytes.len()) as u64).read_to_end(&mut bytes).await?;
        if bytes.len() != length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Self::parse(bytes)
    }

    fn parse(bytes: Vec<u8>) -> io::Result<Self> {
        let mut sequences = Vec::new();
        let (kind, body) = match int_at(&bytes, 12)? {
            OP_MSG => {
                let mut body = None;
                let mut at = HEADER + 4;
                let end = sections_end(&bytes)?;
                while at < end {
                    let section = at + 1;
                    match bytes.get(at) {
                        Some(0) if body.is_none() => {
                            let document = document_at(&bytes, section, end)?;
                            at = document.end;
                            body = Some(document);
                        }
                        Some(1) => {
                            let sequence_end = section
                                .checked_add(length_at(&bytes, section)?)
                                .filter(|sequence_end| *sequence_end <= end)
                                .ok_or_else(|| malformed("a document sequence longer than its message"))?;
                            let (name, mut next) = name_at(&bytes, section + 4, sequence_end)?;
                            let mut documents = Vec::new();
                            while next < sequence_end {
                                let document = document_at(&bytes, next, sequence_end)?;
                                next = document.end;
                                documents.push(document);
                            }
                            sequences.push((name, documents));
                            at = sequence_end;
                        }
                        _ => return Err(malformed("a section of unknown kind or a second body")),
                    }
                }
                (Kind::Message, body.ok_or_else(|| malformed("a message without a body"))?)
            }
            OP_QUERY => {
                let (_, next) = name_at(&bytes, HEADER + 4, bytes.len())?;
                (Kind::Query, document_at(&bytes, next + 8, bytes.len())?)
            }
            OP_REPLY => (Kind::Reply, document_at(&bytes, HEADER + 20, bytes.len())?),
            _ => return Err(malformed("an operation that no supported driver sends uncompressed")),
        };
        let document = RawDocumentBuf::from_bytes(bytes[body.clone()].to_vec()).map_err(malformed)?;
        Ok(Self { bytes, kind, body, document, sequences })
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The command, or the answer.
    pub(super) fn body(&self) -> &RawDocument {
        &self.document
    }

    /// In a request: no answer is expected. In an answer: another one follows without being asked for.
    pub(super) fn more_to_come(&self) -> bool {
        self.kind == Kind::Message && int_at(&self.bytes, HEADER).is_ok_and(|flags| flags & MORE_TO_COME != 0)
    }

    /// The documents of one field, which a driver may send as an array in the body or as a section of its own.
    pub(super) fn documents(&self, field: &str) -> Vec<&RawDocument> {
        let sections = self.sequences.iter().filter(|(name, _)| name == field).flat_map(|(_, documents)| documents);
        let in_body = self.document.get_array(field).ok().into_iter().flatten();
        sections
            .filter_map(|place| RawDocument::from_bytes(&self.bytes[place.clone()]).ok())
            .chain(in_body.filter_map(|element| element.ok()?.as_document()))
            .collect()
    }

    /// The same message with another body. The checksum, if there was one, goes: it is optional.
    pub(super) fn with_body(&self, body: &Document) -> io::Result<Self> {
        let mut bytes = self.bytes[..self.body.start].to_vec();
        bytes.extend(body.to_vec().map_err(malformed)?);
        if self.kind == Kind::Message {
            bytes.extend(&self.bytes[self.body.end..sections_end(&self.bytes)?]);
            let flags = int_at(&bytes, HEADER)? & !CHECKSUM_PRESENT;
            bytes[HEADER..HEADER + 4].copy_from_slice(&flags.to_le_bytes());
        } else {
            bytes.extend(&self.bytes[self.body.end..]);
        }
        finish(bytes)
    }

    /// The proxy's own answer to this request.
    pub(super) fn answer(&self, body: &Document) -> io::Result<Self> {
        let mut bytes = vec![0; 8];
        // An answer names the request it belongs to; its own number may be anything.
        bytes.extend(&self.bytes[4..8]);
        if self.kind == Kind::Query {
            bytes.extend(OP_REPLY.to_le_bytes());
            bytes.extend(AWAIT_CAPABLE.to_le_bytes());
            // Cursor, position in it, and the number of documents.
            bytes.extend([0; 12]);
            bytes.extend(1_i32.to_le_bytes());
        } else {
            bytes.extend(OP_MSG.to_le_bytes());
            bytes.extend([0; 5]);
        }
        bytes.extend(body.to_vec().map_err(malformed)?);
        finish(bytes)
    }
}

/// Writes the length into a message that is complete but for that.
fn finish(mut bytes: Vec<u8>) -> io::Result<Frame> {
    let length = i32::try_from(bytes.len()).map_err(malformed)?;
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    Frame::parse(bytes)
}

/// Where the sections of an `OP_MSG` end and its optional checksum begins.
fn sections_end(bytes: &[u8]) -> io::Result<usize> {
    let checksum = if int_at(bytes, HEADER)? & CHECKSUM_PRESENT == 0 { 0 } else { 4 };
    Ok(bytes.len() - checksum)
}

fn int_at(bytes: &[u8], at: usize) -> io::Result<i32> {
    let four =
        bytes.get(at..).and_then(|rest| rest.first_chunk()).ok_or_else(|| malformed("a message that ends early"))?;
    Ok(i32::from_le_bytes(*four))
}

fn length_at(bytes: &[u8], at: usize) -> io::Result<usize> {
    usize::try_from(int_at(bytes, at)?).map_err(malformed)
}

/// A zero-terminated name, and where the next thing starts.
fn name_at(bytes: &[u8], at: usize, end: usize) -> io::Result<(String, usize)> {
    let rest = bytes.get(at..end).ok_or_else(|| malformed("a name outside its message"))?;
    let length = rest.iter().position(|byte| *byte == 0).ok_or_else(|| malformed("a name without an end"))?;
    Ok((String::from_utf8_lossy(&rest[..length]).into_owned(), at + length + 1))
}

fn document_at(bytes: &[u8], at: usize, end: usize) -> io::Result<Range<usize>> {
    let document = at..at.checked_add(length_at(bytes, at)?).ok_or_else(|| malformed("an absurd document length"))?;
    if document.end > end {
        return Err(malformed("a document longer than its message"));
    }
    RawDocument::from_bytes(&bytes[document.clone()]).map_err(malformed)?;
    Ok(document)
}

fn malformed(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use mongodb::bson::doc;

    use super::*;

    fn message(flags: i32, sections: &[u8]) -> Vec<u8> {
        let length = i32::try_from(HEADER + 4 + sections.len()).unwrap();
        let mut bytes: Vec<u8> = [length, 7, 0, OP_MSG, flags].iter().flat_map(|int| int.to_le_bytes()).collect();
        bytes.extend(sections);
        bytes
    }

    fn body(document: &Document) -> Vec<u8> {
        [vec![0], document.to_vec().unwrap()].concat()
    }

    fn sequence(name: &str, documents: &[Document]) -> Vec<u8> {
        let content: Vec<u8> = documents.iter().flat_map(|document| document.to_vec().unwrap()).collect();
        let size = i32::try_from(4 + name.len() + 1 + content.len()).unwrap();
        [&[1], size.to_le_bytes().as_slice(), name.as_bytes(), &[0], &content].concat()
    }

    #[tokio::test]
    async fn body_and_sequences_are_found_in_any_order() {
        let insert = body(&doc! {"insert": "patients", "$db": "st_marys"});
        let documents = sequence("documents", &[doc! {"_id": 1}, doc! {"_id": 2}]);
        for sections in [[insert.clone(), documents.clone()].concat(), [documents, insert].concat()] {
            let frame = Frame::read(&mut message(0, &sections).as_slice()).await.unwrap();
            assert_eq!(frame.body().get_str("insert").unwrap(), "patients");
            assert_eq!(frame.documents("documents").len(), 2);
            assert!(!frame.more_to_come());
        }
    }

    #[tokio::test]
    async fn replacing_the_body_keeps_sequences_and_drops_the_checksum() {
        let sections = [
            body(&doc! {"hello": 1, "compression": ["zstd"]}),
            sequence("documents", &[doc! {"_id": 1}]),
            vec![9, 9, 9, 9],
        ]
        .concat();
        let frame = Frame::read(&mut message(CHECKSUM_PRESENT, &sections).as_slice()).await.unwrap();
        let replaced = frame.with_body(&doc! {"hello": 1}).unwrap();
        let reread = Frame::read(&mut replaced.bytes()).await.unwrap();
        assert!(reread.body().get("compression").unwrap().is_none());
        assert_eq!(reread.documents("documents").len(), 1);
    }

    #[tokio::test]
    async fn an_old_greeting_is_read_and_answered_in_its_own_form() {
        let mut bytes: Vec<u8> = [0, 7, 0, OP_QUERY, 0].iter().flat_map(|int| int.to_le_bytes()).collect();
        bytes.extend(b"admin.$cmd\0");
        bytes.extend([0; 8]);
        bytes.extend(doc! {"isMaster": 1}.to_vec().unwrap());
        let length = i32::try_from(bytes.len()).unwrap();
        bytes[..4].copy_from_slice(&length.to_le_bytes());
        let frame = Frame::read(&mut bytes.as_slice()).await.unwrap();
        assert_eq!(frame.body().get_i32("isMaster").unwrap(), 1);
        let answer = frame.answer(&doc! {"ok": 0.0}).unwrap();
        assert_eq!(answer.kind, Kind::Reply);
        assert_eq!(answer.bytes()[8..12], 7_i32.to_le_bytes());
    }

    #[tokio::test]
    async fn every_truncation_is_an_error() {
        let sections =
            [body(&doc! {"insert": "patients"}), sequence("documents", &[doc! {"_id": 1}, doc! {"a": "b"}])].concat();
        let whole = message(0, &sections);
        for length in 0..whole.len() {
            assert!(Frame::read(&mut &whole[..length]).await.is_err(), "{length} bytes of {}", whole.len());
            // The same with a length that pretends to be complete. Where a section ends, what is left may be whole.
            let mut shortened = whole[..length].to_vec();
            if length >= 4 {
                shortened[..4].copy_from_slice(&i32::try_from(length).unwrap().to_le_bytes());
                let boundary = HEADER + 4 + body(&doc! {"insert": "patients"}).len();
                assert_eq!(Frame::read(&mut shortened.as_slice()).await.is_ok(), length == boundary, "{length}");
            }
        }
    }

    #[tokio::test]
    async fn absurd_lengths_are_errors() {
        for length in [i32::MIN, -1, 0, 15, 48_000_001, i32::MAX] {
            let mut bytes = message(0, &body(&doc! {"ping": 1}));
            bytes[..4].copy_from_slice(&length.to_le_bytes());
            assert!(Frame::read(&mut bytes.as_slice()).await.is_err(), "message length {length}");
        }
        for length in [i32::MIN, -1, 0, 4, 1000, i32::MAX] {
            let mut bytes = message(0, &body(&doc! {"ping": 1}));
            bytes[21..25].copy_from_slice(&length.to_le_bytes());
            assert!(Frame::read(&mut bytes.as_slice()).await.is_err(), "document length {length}");
            let mut bytes = message(0, &sequence("documents", &[doc! {"a": 1}]));
            bytes[21..25].copy_from_slice(&length.to_le_bytes());
            assert!(Frame::read(&mut bytes.as_slice()).await.is_err(), "sequence length {length}");
        }
    }

    #[tokio::test]
    async fn other_operations_and_sections_are_errors() {
        let ping = body(&doc! {"ping": 1});
        let mut compressed = message(0, &ping);
        compressed[12..16].copy_from_slice(&2012_i32.to_le_bytes());
        for bytes in [
            compressed,
            message(0, &[]),
            message(0, &[2]),
            message(0, &[ping.clone(), ping.clone()].concat()),
            message(CHECKSUM_PRESENT, &[]),
            message(0, &[1, 5, 0, 0, 0, b'a']),
        ] {
            assert!(Frame::read(&mut bytes.as_slice()).await.is_err());
        }
    }
}

//! R15: every input of the fuzzer's corpus goes through the function that the fuzzer calls. What the fuzzer has found once
//! stays in the corpus.

use std::fs;
use std::path::Path;

#[path = "../../fuzz/entries.rs"]
mod entries;

#[test]
fn every_input_of_the_corpus_is_survived() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (name, entry) in entries::TARGETS {
        let folder = corpus.join(name);
        let listed = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut inputs = 0;
        for file in listed {
            let path = file.expect("an entry").path();
            // Shown when the test fails.
            println!("{}", path.display());
            entry(&fs::read(&path).expect("it can be read"));
            inputs += 1;
        }
        assert!(inputs >= 5, "{} holds {inputs} inputs", folder.display());
    }
    let folders = fs::read_dir(&corpus).expect("the corpus").count();
    assert_eq!(folders, entries::TARGETS.len(), "a folder of the corpus belongs to no target");
}

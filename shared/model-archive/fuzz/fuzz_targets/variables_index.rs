#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| model_archive_fuzz::run_target("variables_index", data));

//! Options that a user may replace.

use moco_api::trusted::Size;

use super::Place;
use super::option::{Loose, Taken};

/// MOCO's own defaults, where they differ from MySQL's or are worth pinning.
const PLAIN: &[(&str, &str)] = &[
    ("character_set_server", "utf8mb4"),
    ("collation_server", "utf8mb4_unicode_ci"),
    // UTC, without needing the time zone tables.
    ("default_time_zone", "+0:00"),
    // Large fleets of clients.
    ("back_log", "900"),
    ("max_connections", "100000"),
    ("thread_cache_size", "100"),
    ("host_cache_size", "0"),
    ("max_allowed_packet", "1G"),
    ("max_heap_table_size", "64M"),
    ("tmp_table_size", "64M"),
    ("sort_buffer_size", "4M"),
    ("join_buffer_size", "2M"),
    ("wait_timeout", "604800"),
    ("lock_wait_timeout", "60"),
    ("innodb_lock_wait_timeout", "60"),
    // Avoids message MY-012102 and evictions from InnoDB's table cache.
    ("table_open_cache", "65536"),
    ("table_definition_cache", "65536"),
    ("transaction_isolation", "READ-COMMITTED"),
    ("slow_query_log", "ON"),
    ("long_query_time", "2"),
    ("log_slow_extra", "ON"),
    // 3 prints what proves that a binary log was cut at the right place.
    ("log_error_verbosity", "3"),
    ("max_sp_recursion_depth", "20"),
    // Readable dumps of accounts.
    ("print_identified_with_as_hex", "ON"),
    // Always fresh statistics.
    ("information_schema_stats_expiry", "0"),
    ("default_storage_engine", "InnoDB"),
    ("innodb_flush_method", "O_DIRECT"),
    ("innodb_print_all_deadlocks", "ON"),
    ("innodb_adaptive_hash_index", "ON"),
    ("innodb_online_alter_log_max_size", "1073741824"),
    // A pod may not set memory policies; trying only fills the error log.
    ("loose_innodb_numa_interleave", "OFF"),
    // Small core files.
    ("innodb_buffer_pool_in_core_file", "OFF"),
    // A quick start; the list of pages is kept for a person who wants to load it.
    ("innodb_buffer_pool_dump_pct", "100"),
    ("innodb_buffer_pool_dump_at_shutdown", "ON"),
    ("innodb_buffer_pool_load_at_startup", "OFF"),
    // A quick start with many tables.
    ("loose_innodb_validate_tablespace_paths", "OFF"),
    // Solid state disks.
    ("innodb_flush_neighbors", "0"),
    ("innodb_random_read_ahead", "OFF"),
    ("innodb_read_ahead_threshold", "0"),
    ("innodb_log_write_ahead_size", "512"),
    // Truncation fails on members that are read-only (MySQL bug 104573).
    ("innodb_undo_log_truncate", "OFF"),
    ("tls_version", "TLSv1.2,TLSv1.3"),
    // Users turn it on who use it.
    ("mysqlx", "OFF"),
];

/// The smallest buffer pool, MySQL's own default, and the unit in which mysqld makes it: what is not
/// a multiple is rounded up, beyond the share that was meant ("innodb_buffer_pool_chunk_size").
const BUFFER_POOL_UNIT: u64 = 128 << 20;
/// Share of the container's memory for the buffer pool; the rest is for connections and the agent.
const BUFFER_POOL_PERCENT: u64 = 70;
/// Largest redo log, and its largest share of the volume: mysqld takes the whole capacity on disk as
/// soon as it runs (measured with 9.7.4).
const REDO_MAX: u64 = 1600 << 20;
const REDO_PARTS_OF_VOLUME: u64 = 8;
/// MySQL's own default.
const REDO_MIN: u64 = 100 << 20;
/// Fewest and most appliers of a replica. They bound how long a failover drains received work.
const WORKERS: (u64, u64) = (4, 16);

/// All defaults for a server of a size, in a place.
pub(super) fn defaults(place: &Place, size: Size) -> Vec<Taken> {
    let mut all: Vec<Taken> = PLAIN
        .iter()
        .map(|(name, value)| taken(name, value))
        .collect();
    all.push(taken("tmpdir", &place.tmp_dir));
    all.push(taken("innodb_tmpdir", &place.tmp_dir));
    let workers = size
        .cpu_millis
        .unwrap_or(0)
        .div_ceil(1000)
        .clamp(WORKERS.0, WORKERS.1);
    all.push(taken("replica_parallel_workers", &workers.to_string()));
    let redo = size
        .data_bytes
        .map_or(REDO_MAX, |bytes| bytes / REDO_PARTS_OF_VOLUME);
    let redo = redo.clamp(REDO_MIN, REDO_MAX);
    all.push(taken("innodb_redo_log_capacity", &redo.to_string()));
    if let Some(bytes) = size.memory_bytes {
        all.push(taken(
            "innodb_buffer_pool_size",
            &buffer_pool(bytes).to_string(),
        ));
    }
    all
}

/// 70 % of the memory, in whole units.
fn buffer_pool(memory_bytes: u64) -> u64 {
    let share = memory_bytes.saturating_mul(BUFFER_POOL_PERCENT) / 100;
    (share / BUFFER_POOL_UNIT * BUFFER_POOL_UNIT).max(BUFFER_POOL_UNIT)
}

fn taken(name: &str, value: &str) -> Taken {
    let (loose, name) = match name.strip_prefix("loose_") {
        Some(inner) => (Loose::Yes, inner),
        None => (Loose::No, name),
    };
    Taken {
        name: name.to_owned(),
        loose,
        value: value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_buffer_pool_is_most_of_the_memory() {
        assert_eq!(buffer_pool(10 << 30), 7168 << 20);
        assert_eq!(buffer_pool(1 << 30), 640 << 20);
        assert_eq!(buffer_pool(100 << 20), 128 << 20);
    }

    #[test]
    fn the_redo_log_does_not_fill_a_small_volume() {
        let redo = |data_bytes| {
            let size = Size {
                data_bytes,
                ..Size::default()
            };
            let all = defaults(&Place::pod(), size);
            let redo = all
                .into_iter()
                .find(|one| one.name == "innodb_redo_log_capacity");
            redo.unwrap().value.parse::<u64>().unwrap() >> 20
        };
        assert_eq!(redo(None), 1600);
        assert_eq!(redo(Some(1 << 30)), 128);
        assert_eq!(redo(Some(10 << 20)), 100);
        assert_eq!(redo(Some(1 << 40)), 1600);
    }
}

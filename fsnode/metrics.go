package fsnode

import "github.com/hanwen/go-fuse/v2/fs"

// newMetrics is metrics: read-only, sums over all contexts that there ever were, in Prometheus' text exposition format.
func newMetrics(t *tree) fs.InodeEmbedder {
	return newValue(t, 0o444, t.table.Metrics)
}

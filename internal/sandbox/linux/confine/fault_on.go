//go:build linux && (amd64 || arm64) && openclaw_fault

package confine

// faultLayer is set at link time by the tests.
var faultLayer string

func skipped(layer string) bool { return layer == faultLayer }

//go:build linux && (amd64 || arm64) && !openclaw_fault

package confine

// skipped tells whether a layer is left out; only the fault-injection build of
// the tests can.
func skipped(string) bool { return false }

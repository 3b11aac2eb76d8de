//go:build linux && (amd64 || arm64) && !openclaw_stage

package linux

// embedded is empty in a build without the stage: the running binary then
// re-executes itself, slower.
var embedded []byte

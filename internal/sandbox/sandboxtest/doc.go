// Package sandboxtest is the conformance suite of sandbox runners. It refuses
// a runner that leaves anything of a run behind or reports less than happened.
package sandboxtest

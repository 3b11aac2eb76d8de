// Package sandboxtest is the conformance suite of sandbox runners. It refuses
// a runner from whose confinement any of its attempts escapes.
package sandboxtest

//go:build !linux

package gateway

// Rest has nothing to give back here.
func Rest() {}

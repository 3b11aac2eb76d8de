//go:build !linux

package survey

// accessList: only Linux's are read.
func accessList(string, int) []string { return nil }

//go:build !unix

package configfile

const openFlags = 0

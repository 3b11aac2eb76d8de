// Package configfile finds, reads, watches and replaces the configuration of a
// home. It refuses includes that leave the configuration's directory, files
// that are too large or no files at all, and any write that would change more
// than was asked for.
package configfile

// Package crash holds what the files of a home promise to programs that are
// killed and to machines that lose power. It refuses to count as tested what
// was not killed.
package crash

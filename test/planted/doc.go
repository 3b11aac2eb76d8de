// Package planted holds that no value of a credential reaches a byte that the
// program writes. It refuses to count a day in which a credential was not used.
package planted

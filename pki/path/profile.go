package path

// checkProfile applies what the profile asks for beyond path validation.
func (c *checker) checkProfile() {}

package testmodels

// Families lists the families, each with all its knobs.
func Families() []Family {
	return []Family{
		family[SSD]("ssd"),
	}
}

module anchorc

go 1.26

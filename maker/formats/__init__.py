"""How dates are written, where Django's own ways leave a doubt: with the month's name, and each time with its zone."""
